"""Whether a run may begin: is another one at work, is the budget spent, is there a point.

A schedule's run that may not ends green, having done nothing; every decision is a line in
``schedules/<name>.jsonl`` of the home. What a person submits always begins.
"""

import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cladeflow.archive.archive import Archive
from cladeflow.archive.claim import claim, claimant
from cladeflow.archive.lease import STALE_SECONDS
from cladeflow.errors import CladeflowError, HomeError
from cladeflow.home import Home
from cladeflow.kubeflow.attempts import LOCAL, RUN, SILENCE, Ledger
from cladeflow.kubeflow.decisions import Decision, decisions, record
from cladeflow.kubeflow.watching import goes_on, gpu_hours, outcomes

PATIENCE_SECONDS = 2 * STALE_SECONDS
"""For which a task waits for a process that holds the home: one that was killed keeps its lease
until it is stale."""
_LOOK_SECONDS = 1.0
_USUAL_SILENCE = 3600.0
"""Where a pipeline was compiled without one."""


def reason_not_to_begin(directory: Path, schedule: Mapping[str, Any]) -> str:
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
            silence = float(os.environ.get(SILENCE, _USUAL_SILENCE))
            holder = claim(archive, run, lambda other, age: goes_on(directory, other, age, silence))
            reason = f"{holder} is still at work on this evolution" if holder else ""
    record(directory, schedule["name"], Decision(run, time.time(), reason, final))
    return reason


def hold(home: Home) -> None:
    """Claim the home for the cluster's run of this process, if any: schedules and gc wait for it.

    Raises `HomeError` where a process goes on holding the home's lease.
    """
    run = os.environ.get(RUN, "")
    if not run or run.startswith(LOCAL):
        return
    deadline = time.monotonic() + PATIENCE_SECONDS
    with Archive.open(home.archive_url) as archive:
        while holder := claim(archive, run, lambda other, age: False):
            if time.monotonic() >= deadline:
                raise HomeError(
                    f"{holder} is at work on {home.directory}; wait for it or stop it, then "
                    "submit again"
                )
            time.sleep(_LOOK_SECONDS)


def require_quiet(archive: Archive, home: Home) -> None:
    """Raise `HomeError` where a cluster's run may be at work on ``home``, in a task or between two.

    The caller holds the home's lease, for which a run waits that begins only now.
    """
    run = run_at_work(archive, home)
    if run is not None:
        raise HomeError(
            f"run {run} is at work on {home.directory}: its end was not noted there. Wait for "
            f"it; 'cladeflow wait {run}' also notes the end of one that was cancelled or lost"
        )


def run_at_work(archive: Archive, home: Home) -> str | None:
    """A cluster's run that may be at work on ``home``, in a task or between two."""
    for run, (age, silence) in _runs(archive, home).items():
        if run and not run.startswith(LOCAL) and goes_on(home.directory, run, age, silence):
            return run
    return None


def _runs(archive: Archive, home: Home) -> dict[str, tuple[float, float]]:
    """The runs that left attempts or the newest claim: seconds since that claim, and silence."""
    attempts = Ledger(home.directory).all()
    runs = {one.run: (math.inf, one.silence) for one in attempts}
    claimed = claimant(archive)
    if claimed is not None:
        run, age = claimed
        runs[run] = (age, runs[run][1] if run in runs else _USUAL_SILENCE)
    return runs


def _end(archive: Archive, home: Path, schedule: Mapping[str, Any], known: list[Decision]) -> str:
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


def _pause(schedule: Mapping[str, Any], run: str) -> str:
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
