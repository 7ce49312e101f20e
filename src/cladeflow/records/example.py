"""Training examples: a tagged union on ``kind``, one member per kind of objective."""

from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError

from cladeflow.errors import StoreError
from cladeflow.records.base import Record
from cladeflow.records.trajectory import Step


class Example(Record):
    """What all kinds share."""

    role: str = "actor"
    prompt: tuple[int, ...] | str
    """Token ids as sampled, or text that the trainer may tokenise (sft only)."""
    sources: tuple[str, ...] = ()
    licence: str = "Apache-2.0"
    weight: float = 1.0

    @classmethod
    def from_line(cls, line: str | bytes) -> Self:
        """As `Record.from_line`; where it is `Example` that is asked, of the kind that it is.

        A line leaves its kind out, being a default, but its id holds the name of the type.
        """
        if cls is not Example:
            return super().from_line(line)
        for kind in cls.__subclasses__():
            try:
                return kind.from_line(line)
            except (ValidationError, StoreError):
                continue
        raise StoreError("Example: the content of a line is of no kind of example that has its id")


class SftExample(Example):
    """Steps whose ``train`` mask says which tokens count."""

    kind: Literal["sft"] = "sft"
    steps: tuple[Step, ...]


class WeightedExample(Example):
    """An sft example whose ``weight`` is a reward."""

    kind: Literal["weighted"] = "weighted"
    steps: tuple[Step, ...]


class PreferenceExample(Example):
    """A chosen and a rejected continuation of one prompt."""

    kind: Literal["preference"] = "preference"
    condition: tuple[Step, ...] = ()
    chosen: tuple[Step, ...]
    rejected: tuple[Step, ...]
    p: float = 1.0
    margin: float = 0.0
    ref_logp: tuple[float, float] | None = None


class GroupAdvantageExample(Example):
    """A sampled trajectory with its reward and its advantage within the group."""

    kind: Literal["group_advantage"] = "group_advantage"
    group: str
    steps: tuple[Step, ...]
    reward: float
    advantage: float
    credit: tuple[float, ...] | None = None
    replay: bool = False


class UnpairedExample(Example):
    """One response with a label in [0, 1] and the success rate of its group."""

    kind: Literal["unpaired"] = "unpaired"
    response: tuple[Step, ...]
    label: float
    rate: float


class ValueExample(Example):
    """A regression or classification target for a reward model or value head."""

    kind: Literal["value"] = "value"
    steps: tuple[Step, ...] = ()
    target: float
    level: Literal["outcome", "step", "token", "gap"]


TrainingExample = Annotated[
    SftExample
    | WeightedExample
    | PreferenceExample
    | GroupAdvantageExample
    | UnpairedExample
    | ValueExample,
    Field(discriminator="kind"),
]
