"""Group relative policy optimisation: a clipped surrogate whose baseline is the group's mean."""

from statistics import pstdev
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from cladeflow.errors import RecipeError
from cladeflow.fine_tune.base import LossTokens, Referent, RewardObjective
from cladeflow.fine_tune.sequences import TokenSequence, as_sampled
from cladeflow.records import GroupAdvantageExample, TrainingExample

if TYPE_CHECKING:
    from torch import Tensor

    from cladeflow.models.tokenizer import Tokenizer


class Grpo(RewardObjective, name="grpo", version=1):
    """L = −Σ_t min(R_t Â_t, clip(R_t, 1 − ε_low, 1 + ε_high) Â_t) + β D_t − α H_t.

    R_t = π/π_old of the token, Â_t = (r_i − mean r) / std r + c_t over the group of a prompt, with
    the population's std and c_t the example's token credit, where it has one; D_t the k3 estimate
    e^d − d − 1 of KL(π ‖ π_ref), d = log π_ref − log π; H_t the policy's entropy, in nats.

    Sources: Shao et al. 2024, DeepSeekMath, arXiv:2402.03300 (Â, k3); Yu et al. 2025, DAPO,
    arXiv:2503.14476 (ε_high above ε_low, one mean over all tokens); Liu et al. 2025, Dr. GRPO,
    arXiv:2503.20783 (``std: false``).
    """

    needs: ClassVar[frozenset[str]] = RewardObjective.needs | {"examples:group_advantage"}

    std: bool = True
    """Divide advantages by the group's standard deviation."""
    clip_low: float = Field(default=0.2, gt=0, lt=1)
    clip_high: float = Field(default=0.2, gt=0)
    """Clip-higher is 0.28 in DAPO."""
    kl: float = Field(default=0.0, ge=0)
    """β."""
    reference: Referent = "start"
    entropy: float = Field(default=0.0, ge=0)
    """α, the bonus that keeps exploration up."""

    def reads(self) -> frozenset[str]:
        further = {"reference": self.kl, "entropy": self.entropy}
        return super().reads() | {name for name, used in further.items() if used}

    def referent(self) -> Referent:
        return self.reference

    def prepare(self, examples: list[TrainingExample]) -> list[TrainingExample]:
        """Divide advantages by their group's std; replays, which have no group here, keep theirs.

        Recalibrated replays go undivided in Qin et al. 2025, SPEAR, arXiv:2509.22601, too.
        """
        rewards: dict[str, list[float]] = {}
        for example in examples:
            if self.std and isinstance(example, GroupAdvantageExample) and not example.replay:
                rewards.setdefault(example.group, []).append(example.reward)
        spread = {group: pstdev(found) or 1.0 for group, found in rewards.items()}
        return [
            example.model_copy(update={"advantage": example.advantage / spread[example.group]})
            if isinstance(example, GroupAdvantageExample) and example.group in spread
            else example
            for example in examples
        ]

    def sequences(
        self, example: TrainingExample, tokenizer: "Tokenizer | None"
    ) -> tuple[TokenSequence, ...]:
        if not isinstance(example, GroupAdvantageExample):
            raise RecipeError(f"grpo trains on group_advantage examples, not on {example.kind}")
        row = as_sampled(example.prompt, example.steps)
        written = len(row.tokens) - len(example.prompt)
        credit = example.credit or (0.0,) * written
        if len(credit) != written:
            raise ValueError(f"{len(credit)} token credits for {written} tokens")
        advantage = (*(0.0,) * len(example.prompt), *(example.advantage + c for c in credit))
        columns = {**row.per_token, "advantage": advantage}
        return (row._replace(per_token=columns, per_sequence={"weight": example.weight}),)

    def loss(self, logp: "Tensor", batch: LossTokens) -> "Tensor":
        columns = batch.per_token
        ratio = (logp - columns["behaviour"]).exp()
        clipped = ratio.clamp(1 - self.clip_low, 1 + self.clip_high)
        advantage = columns["advantage"]
        loss = -(ratio * advantage).minimum(clipped * advantage)
        if self.kl:
            gap = columns["reference"] - logp
            loss = loss + self.kl * (gap.exp() - gap - 1)
        if self.entropy:
            loss = loss - self.entropy * columns["entropy"]
        return (batch.weights() * loss).sum()
