"""What crosses the boundary to the checker process: one JSON line per batch and per verdict.

Tasks and the words of steps go in, verdicts come out. Gold crosses in neither direction, and JSON
cannot make either side run anything.
"""

import json
from collections.abc import Sequence
from typing import Any

from cladeflow.records import Step, Target, Task, Value, Verdict, Verifier

Item = tuple[Task, Sequence[Step]]
"""A task and an attempt at it."""


class Batch(Value):
    """Attempts by task id; a task that several attempts share is sent once.

    Of a step only index, role, kind and text are sent: a check looks at what was written, never
    at tokens or at what a trajectory says of its own calls.
    """

    tasks: dict[str, Task]
    items: tuple[tuple[str, tuple[Step, ...]], ...]


def encode_batch(items: Sequence[Item]) -> bytes:
    """One line that reads as a `Batch`."""
    tasks = {task.id: task for task, _ in items}
    batch = {
        "tasks": {task_id: task.canonical() for task_id, task in tasks.items()},
        "items": [(task.id, [_written(step) for step in steps]) for task, steps in items],
    }
    return _line(batch)


def _written(step: Step) -> dict[str, Any]:
    return {"i": step.i, "role": step.role, "kind": step.kind, "text": step.text}


def encode_verdict(verdict: Verdict) -> bytes:
    """One line."""
    v = verdict
    return _line([v.value, v.ok, v.parts, v.by.strategy, v.outcome, v.note])


def decode_verdict(line: bytes, task_id: str) -> Verdict:
    """The verdict, about the task until its caller says which trajectory it is of."""
    value, ok, parts, by, outcome, note = json.loads(line)
    return Verdict(
        target=Target(id=task_id),
        value=value,
        ok=ok,
        parts=parts,
        by=Verifier(strategy=by),
        outcome=outcome,
        note=note,
    )


def _line(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":"), allow_nan=False).encode() + b"\n"
