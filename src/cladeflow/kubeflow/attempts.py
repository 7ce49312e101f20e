"""The ledger of attempts: what every task tried, one small file per attempt. Stdlib only."""

import json
import os
import platform
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

RUN = "CLADEFLOW_RUN"
"""Environment variable with the id of the pipeline run that a task belongs to."""

LOCAL = "local-"
"""How the ids of runs begin that a command of this machine drives: it holds the home's lease."""

SILENCE = "CLADEFLOW_SILENCE"
"""Environment variable with the seconds without a sign after which a cluster's run counts as over:
more than any of its tasks may take."""

GPUS = "CLADEFLOW_GPUS"
"""Environment variable with how many GPUs a task holds."""


class Attempt(NamedTuple):
    """One attempt at a task; without an outcome it is under way, or was killed."""

    task: str
    """The call as progress and errors name it, with its share where it has one."""
    run: str
    host: str
    pid: int
    began: float
    """Seconds since the epoch, as ``ended``."""
    ended: float | None = None
    outcome: str | None = None
    """``done``, or the kind of failure."""
    reason: str = ""
    reduced: int = 0
    """How often the size of what is computed at a time was halved."""
    gpus: int = 0
    """Held for as long as it took."""
    silence: float = 0.0
    """`SILENCE` of its run; 0 where that does not say."""

    def __str__(self) -> str:
        """How it ended, and of what."""
        ended = (self.outcome or "under way or killed").replace("_", " ")
        return f"{ended} ({self.reason})" if self.reason else ended


class Ledger:
    """The attempts of a home, below ``attempts/<task>/``."""

    def __init__(self, home: Path) -> None:
        self._root = home / "attempts"

    def begin(self, task: str, reduced: int = 0) -> "Entry":
        """Record that an attempt begins."""
        attempt = Attempt(
            task=task,
            run=os.environ.get(RUN, ""),
            host=platform.node(),
            pid=os.getpid(),
            began=time.time(),
            reduced=reduced,
            gpus=int(os.environ.get(GPUS, "0")),
            silence=float(os.environ.get(SILENCE, "0")),
        )
        name = f"{attempt.began:.6f}-{uuid4().hex[:6]}.json"
        entry = Entry(self._root / task / name, attempt)
        entry.write()
        return entry

    @property
    def newest(self) -> int:
        """The newest generation of which anything was attempted; 0 where nothing was."""
        numbers = (path.name for path in self._root.glob("*"))
        return max((int(name) for name in numbers if name.isdigit()), default=0)

    def of(self, task: str) -> list[Attempt]:
        """Every attempt at a task, oldest first."""
        return list(_read(sorted((self._root / task).glob("*.json"))))

    def all(self, generation: int | None = None) -> list[Attempt]:
        """Every attempt of a generation, or of all, oldest first."""
        root = self._root if generation is None else self._root / str(generation)
        return sorted(_read(root.rglob("*.json")), key=lambda attempt: attempt.began)


def troubled(attempts: Sequence[Attempt]) -> dict[str, list[Attempt]]:
    """Attempts by task, of the tasks that did not succeed the first time they were tried."""
    found: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        found.setdefault(attempt.task, []).append(attempt)
    return {task: tried for task, tried in found.items() if tried[0].outcome != "done"}


class Entry:
    """An attempt's line in the ledger, written when it begins and when it ends."""

    def __init__(self, path: Path, attempt: Attempt) -> None:
        self._path = path
        self.attempt = attempt

    def end(self, outcome: str, reason: str = "") -> None:
        """Record how it ended."""
        self.attempt = self.attempt._replace(ended=time.time(), outcome=outcome, reason=reason)
        self.write()

    def write(self) -> None:
        """Put the line where it belongs, whole or not at all."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_suffix(".partial")
        partial.write_text(json.dumps(self.attempt._asdict()))
        partial.replace(self._path)


def _read(paths: Iterator[Path] | list[Path]) -> Iterator[Attempt]:
    for path in paths:
        yield Attempt(**json.loads(path.read_text()))
