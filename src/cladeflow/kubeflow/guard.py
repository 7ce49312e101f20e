"""Whether a run may begin: is another one at work, is the budget spent, is there a point.

A schedule's run that may not ends green, having done nothing; every decision is a line in
``schedules/<name>.jsonl`` of the home. What a person submits always begins.
"""

import os
import time
from pathlib import Path
from typing import Any

from cladeflow.archive.archive import Archive
from cladeflow.archive.claim import claim
from cladeflow.errors import CladeflowError
from cladeflow.home import Home
from cladeflow.kubeflow.attempts import RUN, Ledger
from cladeflow.kubeflow.decisions import Decision, decisions, record
from cladeflow.kubeflow.watching import gpu_hours, outcomes


def reason_not_to_begin(directory: Path, schedule: dict[str, Any]) -> str:
    """Decide for the run that this process belongs to; empty where it may begin.

    Decided once: a pod that is started again hears the same. Where the schedule is at its end it is
    paused, if the API can be reached.
    """
    run = os.environ.get(RUN, "")
    known = decisions(directory, schedule["name"])
    before = next((one for one in known if one.run == run), None)
    if before is not None:
        return before.reason
    home = Home(directory)
    home.create()
    with Archive.create(home.archive_url) as archive:
        reason = _end(archive, directory, schedule, known)
        final = bool(reason)
        if final:
            reason = f"{reason}; {_pause(schedule, run)}"
        else:
            holder = claim(
                archive, run, lambda other, age: _goes_on(directory, other, age, schedule)
            )
            reason = f"{holder} is still at work on this evolution" if holder else ""
    record(directory, schedule["name"], Decision(run, time.time(), reason, final))
    return reason


def hold(home: Home) -> None:
    """Claim the home for the run of this process, if it belongs to one: schedules wait for it."""
    run = os.environ.get(RUN)
    if run:
        with Archive.open(home.archive_url) as archive:
            claim(archive, run, lambda other, age: False)


def _end(archive: Archive, home: Path, schedule: dict[str, Any], known: list[Decision]) -> str:
    """Why the schedule is at its end; empty where it is not."""
    budget, stop = schedule["budget"], schedule["stop"]
    began = [one.run for one in known if not one.reason]
    if len(began) >= budget.get("runs", len(began) + 1):
        return f"the budget of {budget['runs']} runs is spent"
    if "gpu_hours" in budget:
        spent = gpu_hours(home, set(began))
        if spent >= budget["gpu_hours"]:
            return f"the budget of {budget['gpu_hours']:g} GPU-hours is spent: {spent:.2f}"
    failed = _failed_in_a_row(home, known)
    if failed >= stop.get("failed_runs", failed + 1):
        return f"{failed} runs in a row failed"
    return _at_its_goal(archive, stop) if archive.started else ""


def _at_its_goal(archive: Archive, stop: dict[str, int]) -> str:
    done = archive.generations()
    if done >= stop.get("generations", done + 1):
        return f"the evolution has its {done} generations"
    idle = done - archive.champion().agent.gen
    if idle >= stop.get("without_promotion", idle + 1):
        return f"{idle} generations in a row brought no new champion"
    return ""


def _failed_in_a_row(home: Path, known: list[Decision]) -> int:
    """Failures since the last success, or since somebody resumed the schedule after its end."""
    ended, count = outcomes(home), 0
    for one in reversed(known):
        state = ended.get(one.run, {}).get("state", "")
        if one.final or (not one.reason and state == "SUCCEEDED"):
            break
        count += not one.reason and state == "FAILED"
    return count


def _goes_on(home: Path, run: str, age: float, schedule: dict[str, Any]) -> bool:
    """Whether a run is at work: it has not ended, and was heard of within ``silence`` seconds."""
    if run in outcomes(home):
        return False
    attempts = [one for one in Ledger(home).all() if one.run == run]
    signs = [time.time() - (one.ended or one.began) for one in attempts]
    return min([age, *signs]) < float(schedule["silence"])


def _pause(schedule: dict[str, Any], run: str) -> str:
    """Let the schedule begin no more runs; what came of it."""
    if schedule["api"] is None:
        return "pause it with 'cladeflow schedule pause': the profile has no kfp_in_cluster"
    from cladeflow.kubeflow.api import Kfp
    from cladeflow.kubeflow.endpoint import Endpoint

    try:
        api = Kfp(Endpoint.model_validate(schedule["api"]))
        recurring = api.run(run).recurring
        if not recurring:
            return "no schedule began this run"
        api.disable(recurring)
    except CladeflowError as error:
        return f"it could not be paused from here ({error})"
    return "the schedule is paused"
