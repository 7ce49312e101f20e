"""Following a run to its end, by the API where it answers and by the home in any case."""

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from cladeflow.errors import CladeflowError
from cladeflow.kubeflow.api import ENDED, Kfp
from cladeflow.kubeflow.decisions import decision_of
from cladeflow.kubeflow.endpoint import Endpoint
from cladeflow.kubeflow.outcome import note
from cladeflow.kubeflow.patience import KfpUnavailable
from cladeflow.kubeflow.watching import TaskView, outcomes, run_views


class Look(NamedTuple):
    """What could be seen of a run at one moment."""

    state: str
    """As Kubeflow names it; ``UNKNOWN`` while neither it nor the home can tell."""
    reason: str
    silence: str
    """Why Kubeflow did not answer; empty where it did."""
    tasks: list[TaskView]

    @property
    def ended(self) -> bool:
        """Whether this was the last look."""
        return self.state in ENDED

    @property
    def succeeded(self) -> bool:
        """Whether the run went well, as one that had nothing to do did."""
        return self.state in ("SUCCEEDED", "SKIPPED")

    def lines(self) -> list[str]:
        """What a person is told; a line that was told is not told again."""
        silence = [f"{self.silence}; following the home alone"] if self.silence else []
        return [*silence, *map(str, self.tasks)]

    def to_json(self) -> dict[str, Any]:
        """The same for scripts."""
        tasks = [task._asdict() for task in self.tasks]
        hours = sum(task.gpu_hours for task in self.tasks)
        return {**self._asdict(), "tasks": tasks, "gpu_hours": hours}


def follow(
    endpoint: Endpoint, home: Path, run: str, interval: float, timeout: float | None
) -> Iterator[Look]:
    """Look at a run every ``interval`` seconds; the last look is of its end.

    Raises `CladeflowError` where nothing can be seen of it, or it takes longer than ``timeout``.
    """
    began = time.monotonic()
    api = Kfp(endpoint)
    while True:
        look = _look(api, home, run)
        yield look
        if look.ended:
            _note(home, run, look)
            return
        if timeout is not None and time.monotonic() - began + interval > timeout:
            raise CladeflowError(f"{run} has not ended after {timeout:g} s: {look.state}")
        time.sleep(interval)


def _note(home: Path, run: str, look: Look) -> None:
    """Note the end of a run that worked here and could not do so, as one that was cancelled."""
    if look.tasks and run not in outcomes(home):
        with suppress(OSError):  # mounted to be read only: whoever wants to know waits longer
            note(home, run, look.state, look.reason)


def _look(api: Kfp, home: Path, run: str) -> Look:
    state, reason, silence = "UNKNOWN", "", ""
    known = outcomes(home).get(run)
    tasks = run_views(home, run)
    if known is not None:
        state, reason = known["state"], known["reason"]
    else:
        try:
            found = api.run(run)
            state, reason = found.state, found.error
        except KfpUnavailable as error:
            if not tasks:
                raise CladeflowError(
                    f"{error}; {home} says nothing of run {run}: mount the volume here and name "
                    "the evolution's directory with --home"
                ) from error
            silence = str(error)
    decided = decision_of(home, run)
    if decided is not None and decided.reason:
        reason = f"nothing was done: {decided.reason}"
    return Look(state, reason, silence, tasks)
