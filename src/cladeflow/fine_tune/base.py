"""The two halves of an update: a builder of examples and an objective to train on them."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Literal

from cladeflow.fine_tune.sequences import TokenSequence
from cladeflow.records import Critique, Task, TrainingExample, Trajectory, Verdict, digest
from cladeflow.strategy import Strategy

if TYPE_CHECKING:
    from torch import Tensor

    from cladeflow.models.tokenizer import Tokenizer

Referent = Literal["start", "parent", "initial", "champion", "previous_generation"]
"""Whose weights a policy is held to: those that the update starts from, or another agent's."""


def task_text(task: Task) -> str:
    """The task's messages and nothing else."""
    return "".join(message.text for message in task.prompt)


def judge_text(task: Task, attempt: Trajectory) -> str:
    """The task's messages and the attempt at it."""
    return f"{task_text(task)}\n{attempt.text}"


@dataclass(frozen=True)
class RoundData:
    """What a round gathered, for a builder to learn from."""

    tasks: Mapping[str, Task]
    """By id."""
    trajectories: Sequence[Trajectory]
    verdicts: Mapping[str, Verdict]
    """By trajectory id, of ``replayed`` as well."""
    critiques: Mapping[str, Sequence[Critique]] = field(default_factory=dict)
    """By trajectory id."""
    role: str = "actor"
    """The role that is trained."""
    gen: int = 0
    seed: str = ""
    """Key of a random generator, should a builder draw."""
    render: Callable[[Task], str] = task_text
    """A task as the agent's scaffold puts it, for trajectories without a tokenised context."""
    judge: Callable[[Task, Trajectory], str] = judge_text
    """What a judge of an attempt is asked, as the agent's scaffold puts it."""
    reference: Callable[[Task], str] = task_text
    """The text of a train task's reference trace; without one, of the task."""
    threshold: float | None = None
    """The reward threshold that the control chose, in place of a builder's own."""
    replayed: Sequence[Trajectory] = ()
    """Attempts of earlier rounds or generations, from a replay buffer."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Groups that a builder left out, counted by reason."""

    def reward(self, target: str) -> float | None:
        """The value of the verdict on an attempt or critique; None where no check came to one."""
        verdict = self.verdicts.get(target)
        return verdict.value if verdict is not None and verdict.outcome == "checked" else None

    def groups(self) -> dict[str, list[Trajectory]]:
        """The attempts that have a reward, by the prompt that they share.

        A revision's prompt holds what it revises and what was said of that, so that two revisions
        share one only where both read the same.
        """
        found: dict[str, list[Trajectory]] = {}
        for attempt in self.trajectories:
            if self.reward(attempt.id) is not None:
                found.setdefault(_asked(attempt), []).append(attempt)
        return found


def _asked(attempt: Trajectory) -> str:
    """Names the prompt of an attempt: its task's, or what a revision was shown."""
    shown = digest(attempt.context)[:16] if attempt.parents else attempt.attempt
    return f"{attempt.group}/{shown}"


class Builder(Strategy, slot="builder"):
    """Turns what a round gathered into training examples, of the kind that it `gives`.

    What `sft` can train on is of kind sft, with a weight or without.
    """

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
    """[S] each, by name; all have ``weight``, the example's."""

    def weights(self) -> "Tensor":
        """[N] weight of each token times its example's."""
        return self.weight * self.per_sequence["weight"][self.sequence]

    def with_column(self, name: str, values: "Tensor") -> "LossTokens":
        """The same tokens with ``values`` [N] as a further entry of ``per_token``."""
        return replace(self, per_token={**self.per_token, name: values})


class Objective(Strategy, slot="objective"):
    """A pure function of the log-probabilities of sampled tokens.

    It `needs` examples of one kind. The sequences of one example stay together in one call of
    `loss`, in the order given.
    """

    unit: ClassVar[Literal["token", "example"]] = "token"
    """What the trainer divides a step's loss by the number of: loss tokens, or examples where the
    loss is one of an example as a whole, such as a pair."""

    def reads(self) -> frozenset[str]:
        """Columns of ``per_token`` that `loss` needs: behaviour, reference, entropy.

        ``behaviour`` holds log-probabilities under the policy that sampled, and comes from
        `sequences`. The trainer supplies the others: ``reference``, log-probabilities under the
        `referent`, and ``entropy`` of the policy at the token, in nats, differentiable.
        """
        return frozenset()

    def referent(self) -> Referent:
        """Whose log-probabilities the column ``reference`` holds."""
        return "start"

    def on_policy(self) -> bool:
        """Whether samples must have been made by the weights that the update starts from."""
        return False

    def prepare(self, examples: list[TrainingExample]) -> list[TrainingExample]:
        """What has to be worked out over all examples together, before any is trained on."""
        return examples

    @abstractmethod
    def sequences(
        self, example: TrainingExample, tokenizer: "Tokenizer | None"
    ) -> tuple[TokenSequence, ...]:
        """What the model must read of an example; raises `RecipeError` for an unfit kind."""

    @abstractmethod
    def loss(self, logp: "Tensor", batch: LossTokens) -> "Tensor":
        """Loss summed over the batch, a scalar; ``logp`` [N] is natural, at temperature 1.

        The trainer divides by the number of `unit`s of the whole optimiser step: a mean over all
        of them, never a mean of the means of micro-batches.
        """


class RewardObjective(Objective):
    """One that compares the samples of a prompt, and the policy with the one that sampled them."""

    needs: ClassVar[frozenset[str]] = frozenset({"group", "logp"})
    gives: ClassVar[frozenset[str]] = frozenset({"off_policy"})

    off_policy: bool = False
    """Accept samples of other weights than the update starts from: replays, earlier rounds."""

    def provided(self) -> frozenset[str]:
        return self.gives if self.off_policy else frozenset()

    def reads(self) -> frozenset[str]:
        return frozenset({"behaviour"})

    def on_policy(self) -> bool:
        return not self.off_policy
