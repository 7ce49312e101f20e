"""What became of a schedule's runs when they began: one line each in the home. Stdlib only."""

import json
from pathlib import Path
from typing import NamedTuple


class Decision(NamedTuple):
    """Whether one run of a schedule began."""

    run: str
    at: float
    """Seconds since the epoch."""
    reason: str
    """Why it did nothing; empty where it began."""
    final: bool = False
    """Whether the schedule is at its end, for this reason."""


def decisions(home: Path, schedule: str) -> list[Decision]:
    """What was decided for every run of a schedule, oldest first."""
    try:
        lines = _path(home, schedule).read_text().splitlines()
    except FileNotFoundError:
        return []
    return [Decision(**json.loads(line)) for line in lines]


def decision_of(home: Path, run: str) -> Decision | None:
    """What was decided for a run, if a schedule began it."""
    found = (one for name in schedules(home) for one in decisions(home, name) if one.run == run)
    return next(found, None)


def schedules(home: Path) -> list[str]:
    """Names of the schedules that ever began a run here."""
    return sorted(path.stem for path in (home / "schedules").glob("*.jsonl"))


def record(home: Path, schedule: str, decision: Decision) -> None:
    """Append a decision."""
    path = _path(home, schedule)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(decision._asdict()) + "\n")


def _path(home: Path, schedule: str) -> Path:
    return home / "schedules" / f"{schedule}.jsonl"
