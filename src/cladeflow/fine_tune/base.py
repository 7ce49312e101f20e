"""The two halves of an update: a builder of examples and an objective to train on them."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cladeflow.fine_tune.sequences import TokenSequence
from cladeflow.records import Critique, Task, TrainingExample, Trajectory, Verdict
from cladeflow.strategy import Strategy

if TYPE_CHECKING:
    from torch import Tensor

    from cladeflow.models.tokenizer import Tokenizer


def task_text(task: Task) -> str:
    """The task's messages and nothing else."""
    return "".join(message.text for message in task.prompt)


@dataclass(frozen=True)
class RoundData:
    """What a round gathered, for a builder to learn from."""

    tasks: Mapping[str, Task]
    """By id."""
    trajectories: Sequence[Trajectory]
    verdicts: Mapping[str, Verdict]
    """By trajectory id."""
    critiques: Mapping[str, Sequence[Critique]] = field(default_factory=dict)
    """By trajectory id."""
    role: str = "actor"
    """The role that is trained."""
    gen: int = 0
    seed: str = ""
    """Key of a random generator, should a builder draw."""
    render: Callable[[Task], str] = task_text
    """A task as the agent's scaffold puts it, for trajectories without a tokenised context."""


class Builder(Strategy, slot="builder"):
    """Turns what a round gathered into training examples."""

    @abstractmethod
    def build(self, data: RoundData) -> Iterable[TrainingExample]:
        """The examples, in an order that depends on ``data`` alone; none is a valid answer."""


@dataclass(frozen=True)
class LossTokens:
    """The N loss tokens of S sequences, in order: all that an objective sees besides log-probs."""

    weight: "Tensor"
    """[N] weight of each token, not 0."""
    sequence: "Tensor"
    """[N] index of the sequence that each token belongs to, 0 to S - 1."""
    per_token: "Mapping[str, Tensor]"
    """[N] each, by name."""
    per_sequence: "Mapping[str, Tensor]"
    """[S] each, by name."""


class Objective(Strategy, slot="objective"):
    """A pure function of the log-probabilities of sampled tokens.

    The sequences of one example stay together in one call of `loss`, in the order given.
    """

    @abstractmethod
    def sequences(
        self, example: TrainingExample, tokenizer: "Tokenizer | None"
    ) -> tuple[TokenSequence, ...]:
        """What the model must read of an example; raises ValueError for an unfit kind."""

    @abstractmethod
    def loss(self, logp: "Tensor", batch: LossTokens) -> "Tensor":
        """Loss summed over tokens, a scalar; ``logp`` [N] is natural, at temperature 1.

        The trainer divides by the number of loss tokens of the whole optimiser step.
        """
