"""Memory entries: what an agent learned outside its weights."""

from typing import Literal

from cladeflow.records.base import Record, Value
from cladeflow.records.task import Task
from cladeflow.records.trajectory import Trajectory
from cladeflow.records.verdict import Verdict


class Trust(Value):
    """What checks of an entry found."""

    checks: int = 0
    agree: float = 1.0
    quarantined: bool = False


class MemoryEntry(Record):
    """One lesson, procedure, skill, fact, rewrite rule, task or folded history."""

    kind: Literal["lesson", "procedure", "skill", "fact", "rewrite", "task", "folded"]
    level: int = 0
    key: str
    vector: tuple[float, ...] = ()
    body: str
    source: tuple[str, ...] = ()
    owner: str = ""
    trust: Trust = Trust()
    uses: int = 0
    wins: int = 0


class Experience(Record):
    """An attempt kept with its task and verdict, to be learned from again."""

    task: Task
    trajectory: Trajectory
    verdict: Verdict
