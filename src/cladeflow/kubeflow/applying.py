"""From a schedule file to the cluster's schedule, safely however often and wherever it stops.

Kubeflow cannot edit a recurring run, so a changed schedule is another one: create it disabled,
disable the old one, enable the new one, delete the old one. At no point are two enabled. Where
this stops half-way, doing it again goes on: what is there says what is left to do.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from cladeflow.errors import CladeflowError
from cladeflow.kubeflow.api import Kfp, Recurring
from cladeflow.kubeflow.compiling import compiled, founding, recipe_pipeline
from cladeflow.kubeflow.profile import Profile
from cladeflow.kubeflow.schedule import Schedule, checked_cron
from cladeflow.kubeflow.submitting import fingerprint, pipeline_body

_MARK = "cladeflow schedule "
"""What the description of a recurring run of ours begins with, before facts as JSON."""
Say = Callable[[str], None]


class Wanted(NamedTuple):
    """What the cluster should have."""

    schedule: Schedule
    body: dict[str, Any]
    cron: str
    facts: dict[str, Any]

    @property
    def name(self) -> str:
        """Of the recurring run: that of the schedule, and of everything that it says."""
        return f"{self.schedule.name}-{fingerprint(self.body, self.cron, self.facts)}"


class Installed(NamedTuple):
    """A recurring run of ours, with what it was made from."""

    one: Recurring
    schedule: str
    facts: dict[str, Any]


def wanted(schedule: Schedule, profile: Profile, directory: Path) -> Wanted:
    """The schedule of a file in ``directory``, compiled; raises for all that is wrong with it."""
    cron = checked_cron(schedule, profile)
    begun = founding(schedule.wish(directory))
    order = {
        "name": schedule.name,
        "budget": schedule.budget.model_dump(exclude_none=True),
        "stop": schedule.stop.model_dump(exclude_none=True),
        "api": profile.kfp_in_cluster and profile.kfp_in_cluster.model_dump(mode="json"),
    }
    recipe = begun.resolved.recipe
    count, population = schedule.generations, schedule.population
    text = compiled(recipe_pipeline(recipe, profile, count, begun, order, population))
    body = pipeline_body(text)
    facts = {**schedule.facts(), "pipeline": fingerprint(body)}
    return Wanted(schedule, body, cron.kfp, facts)


def installed(api: Kfp, name: str | None = None) -> list[Installed]:
    """Our recurring runs, newest first; those of one schedule alone."""
    found = [_installed(one) for one in api.recurring() if one.description.startswith(_MARK)]
    return [one for one in found if name in (None, one.schedule)]


def require(api: Kfp, name: str) -> list[Installed]:
    """`installed`, of a schedule that there is."""
    found = installed(api, name)
    if not found:
        names = sorted({one.schedule for one in installed(api)})
        known = f"there are: {', '.join(names)}" if names else "there is none"
        raise CladeflowError(f"no schedule {name!r} on this cluster; {known}")
    return found


def difference(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What changes, a line per key."""
    lines = []
    for key in [*new, *(key for key in old if key not in new)]:
        before, after = old.get(key), new.get(key)
        if before != after:
            lines.append(f"{key}: {_shown(before)} → {_shown(after)}")
    return lines


def changes(api: Kfp, want: Wanted) -> list[str]:
    """What `apply` would do, for a person to read; nothing where all is as wanted."""
    found = installed(api, want.schedule.name)
    same = [one for one in found if one.one.name == want.name]
    old = [one for one in found if one.one.name != want.name]
    enabled = any(one.one.enabled for one in same)
    if not found:
        return ["new schedule", *difference({}, want.facts)]
    lines = difference(old[0].facts, want.facts) if old else []
    return lines + ([] if enabled else ["paused → enabled"] if same and not old else [])


def apply(api: Kfp, want: Wanted, say: Say) -> Recurring:
    """Let the cluster's schedule be as wanted, and enabled."""
    about = f"{_MARK}{json.dumps({'name': want.schedule.name, 'facts': want.facts})}"
    schedule = want.schedule
    new = api.create_recurring(
        want.name, want.body, want.cron, schedule.concurrency, schedule.catch_up, about
    )
    old = [one.one for one in installed(api, schedule.name) if one.one.id != new.id]
    for one in old:
        if one.enabled:
            api.disable(one.id)
            say(f"disabled {one.name}")
    if not new.enabled:
        api.enable(new.id)
        say(f"enabled {new.name}")
    for one in old:
        api.delete(one.id)
        say(f"deleted {one.name}")
    return new._replace(enabled=True)


def resume(api: Kfp, name: str) -> Recurring:
    """Enable a schedule's newest recurring run, and no other of it."""
    newest, *others = require(api, name)
    for one in others:
        api.disable(one.one.id)
    api.enable(newest.one.id)
    return newest.one


def _installed(one: Recurring) -> Installed:
    fields = json.loads(one.description.removeprefix(_MARK))
    return Installed(one, fields["name"], fields["facts"])


def _shown(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value)
