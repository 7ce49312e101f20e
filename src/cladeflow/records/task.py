"""Tasks: what an agent is asked to do."""

from typing import Any, Literal

from cladeflow.records.base import Record, Value
from cladeflow.records.trajectory import Step

Split = Literal["train", "dev", "heldout", "probe", "reserve"]
TaskKind = Literal["solve", "judge", "dialogue", "game", "goal", "self_assess"]


class Message(Value):
    """One message of a prompt."""

    role: str
    text: str


class ToolSpec(Value):
    """A tool on offer: its arguments (JSON schema), its price, and whether it can be undone."""

    name: str
    arguments: dict[str, Any] = {}
    cost: float = 0.0
    irreversible: bool = False


class Start(Value):
    """Where an episode starts if not at the beginning: after some steps, or in a state."""

    prefix: tuple[Step, ...] = ()
    state: str | None = None


class Subject(Value):
    """What a judge task is about."""

    task_id: str
    candidates: tuple[str, ...]
    source: Literal["policy", "corrupted", "sneaky", "pair"]


class Origin(Value):
    """Where a task comes from: lineage and licence."""

    strategy: str
    parents: tuple[str, ...] = ()
    model: str | None = None
    licence: str = "Apache-2.0"


class Task(Record):
    """One task. Its gold answer is a `Gold` in a store of its own that only checkers open."""

    env: str
    family: str
    level: int = 0
    """Difficulty within the family, in the environment's own units (steps, digits, terms)."""
    kind: TaskKind = "solve"
    prompt: tuple[Message, ...]
    checker: str
    tools: tuple[ToolSpec, ...] = ()
    start: Start | None = None
    roles: tuple[str, ...] = ("agent",)
    hidden: dict[str, Any] = {}
    """Seen by the environment (user simulator, tools), never by the agent."""
    subject: Subject | None = None
    context: tuple[float, ...] = ()
    origin: Origin
    split: Split = "train"


class Gold(Record):
    """What a checker compares with: answer, tests, predicate, label or slots of one task."""

    task_id: str
    value: Any


class EnvSpec(Record):
    """A generated or external environment and what its admission checks found."""

    name: str
    code: str
    actions: dict[str, Any] = {}
    resettable: bool = True
    snapshot: bool = False
    checker: str
    validation: dict[str, bool] = {}
    novelty: float = 0.0
