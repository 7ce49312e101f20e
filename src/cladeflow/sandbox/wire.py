"""What crosses the boundary to the checker process: one JSON line per batch and per verdict.

Tasks and the words of steps go in, verdicts come out. Gold crosses in neither direction, and JSON
cannot make either side run anything.
"""

import json
from collections.abc import Sequence
from typing import Any

from cladeflow.records import Step, Target, Task, Value, Verdict, Verifier

_JSON = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
"""Made once: `json.dumps` makes one for every text."""

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
    tasks = {task.id: task.content for task, _ in items}
    told = ",".join([f'"{task_id}":{content}' for task_id, content in tasks.items()])
    attempts = [(task.id, [_written(step) for step in steps]) for task, steps in items]
    return f'{{"tasks":{{{told}}},"items":{_JSON.encode(attempts)}}}\n'.encode()


def _written(step: Step) -> dict[str, Any]:
    return {"i": step.i, "role": step.role, "kind": step.kind, "text": step.text}


def encode_verdict(verdict: Verdict) -> bytes:
    """One line."""
    v = verdict
    line = _JSON.encode([v.value, v.ok, v.parts, v.by.strategy, v.outcome, v.note])
    return f"{line}\n".encode()


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
