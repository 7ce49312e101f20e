"""What the home alone tells of runs: tasks, shards, retries, cost, how they ended.

All of it is files that tasks leave, so that it can be read while Kubeflow does not answer.
"""

import json
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cladeflow.kubeflow.attempts import Attempt, Ledger

_SHARE = re.compile(r"/share-\d+$")


class TaskView(NamedTuple):
    """One task as it stands, those that share its shards included."""

    task: str
    state: str
    """``done``, ``running``, or the kind of failure."""
    shards: int
    """Committed so far; 0 for a stage without shards."""
    retries: int
    seconds: float
    """Of all attempts together."""
    gpu_hours: float
    reason: str
    """Why it failed, if it did."""

    def __str__(self) -> str:
        """One line for whoever waits."""
        parts = [self.state.replace("_", " ")]
        if self.shards:
            parts.append(f"{self.shards} shard{'s' * (self.shards > 1)}")
        if self.retries:
            parts.append(f"{self.retries} retr{'ies' if self.retries > 1 else 'y'}")
        if self.reason and self.state != "done":
            parts.append(self.reason)
        return f"{self.task}: {', '.join(parts)}"


def outcomes(home: Path) -> dict[str, dict[str, Any]]:
    """How every run ended whose exit handler ran, by its id."""
    try:
        lines = (home / "outcomes.jsonl").read_text().splitlines()
    except FileNotFoundError:
        return {}
    return {(fields := json.loads(line))["run"]: fields for line in lines}


def goes_on(home: Path, run: str, age: float, silence: float) -> bool:
    """Whether a run may be at work: it has not ended, and was heard of within ``silence`` seconds.

    ``age`` is how many seconds ago it claimed the home, if it did; infinite otherwise.
    """
    if run in outcomes(home):
        return False
    attempts = [one for one in Ledger(home).all() if one.run == run]
    signs = [time.time() - (one.ended or one.began) for one in attempts]
    return min([age, *signs]) < silence


def task_views(home: Path, attempts: Sequence[Attempt], now: float | None = None) -> list[TaskView]:
    """The tasks that ``attempts`` were made at, in the order in which they began."""
    ended = {run: fields["ended"] for run, fields in outcomes(home).items()}
    moment = time.time() if now is None else now
    tasks: dict[str, list[Attempt]] = {}
    for attempt in sorted(attempts, key=lambda one: one.began):
        tasks.setdefault(_SHARE.sub("", attempt.task), []).append(attempt)
    return [_view(home, task, tried, ended, moment) for task, tried in tasks.items()]


def run_views(home: Path, run: str) -> list[TaskView]:
    """The tasks of one run."""
    return task_views(home, [one for one in Ledger(home).all() if one.run == run])


def gpu_hours(home: Path, runs: set[str]) -> float:
    """What the GPUs of some runs' tasks were held for."""
    attempts = [one for one in Ledger(home).all() if one.run in runs]
    return sum(view.gpu_hours for view in task_views(home, attempts))


def _view(
    home: Path, task: str, tried: list[Attempt], ended: dict[str, float], now: float
) -> TaskView:
    last = {attempt.task: attempt for attempt in tried}  # by share
    seconds = [_seconds(attempt, tried, ended, now) for attempt in tried]
    troubled = [a for a in last.values() if a.outcome not in ("done", None)]
    state = _state(list(last.values()), task in last, ended)
    return TaskView(
        task=task,
        state=troubled[-1].outcome or "" if troubled else state,
        shards=_shards(home, task),
        retries=len(tried) - len(last),
        seconds=round(sum(seconds), 3),
        gpu_hours=sum(s * a.gpus for s, a in zip(seconds, tried, strict=True)) / 3600,
        reason=troubled[-1].reason if troubled else "",
    )


def _state(last: list[Attempt], has_call: bool, ended: dict[str, float]) -> str:
    """Of a task that nothing went wrong with: it is done when the call itself is."""
    if any(attempt.outcome is None for attempt in last):
        return "killed" if all(attempt.run in ended for attempt in last) else "running"
    return "done" if has_call else "running"


def _seconds(attempt: Attempt, tried: list[Attempt], ended: dict[str, float], now: float) -> float:
    """How long an attempt took; a killed one: at most until the next one or the run's end."""
    later = [one.began for one in tried if one.task == attempt.task and one.began > attempt.began]
    end = attempt.ended or min([*later, ended.get(attempt.run, now)])
    return max(0.0, end - attempt.began)


def _shards(home: Path, task: str) -> int:
    """Shards that are committed below a call's path, under the input hash that has most."""
    counts: dict[Path, int] = {}
    for commit in (home / "store" / "generations" / task).glob("*/shard-*/commit.json"):
        counts[commit.parents[1]] = counts.get(commit.parents[1], 0) + 1
    return max(counts.values(), default=0)
