"""Negative-aware fine-tuning: maximum likelihood of right and wrong samples under one network."""

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from cladeflow.errors import RecipeError
from cladeflow.fine_tune.base import LossTokens, RewardObjective
from cladeflow.fine_tune.sequences import TokenSequence, as_sampled
from cladeflow.records import TrainingExample, UnpairedExample

if TYPE_CHECKING:
    from torch import Tensor

    from cladeflow.models.tokenizer import Tokenizer


class Nft(RewardObjective, name="nft", version=1):
    """L = −ω(q) Σ_t [r log R_t + (1 − r) log max_ε((1 − r_q R_t) / (1 − r_q))].

    R_t = π/π_old of the token, r the label of the response and r_q the rate of right ones among
    the samples of its prompt q. π_old = r_q π⁺ + (1 − r_q) π⁻ splits the policy that sampled into
    one of right and one of wrong responses; π⁺ is the network, and π⁻ is what then remains.
    max_ε raises a value below ε to ε and leaves its gradient as it is (straight-through). With ω =
    sqrt((1 − r_q) / r_q) the gradient on fresh samples is that of GRPO, with 1 − r_q that of
    Dr. GRPO, which never divides by the std.

    Source: Chen et al. 2025, arXiv:2505.18116, section 3 and proposition 4.2; the defaults are the
    released code's (ratio by token, ε = 1, ω = 1 − r_q).
    """

    needs: ClassVar[frozenset[str]] = RewardObjective.needs | {"examples:unpaired"}

    epsilon: float = Field(default=1.0, gt=0, le=1)
    """ε, the least that the likelihood ratio of the negative policy counts as."""
    prompt_weight: Literal["one", "complement", "grpo"] = "complement"
    """ω(q): 1, 1 − r_q or sqrt((1 − r_q) / r_q)."""

    def sequences(
        self, example: TrainingExample, tokenizer: "Tokenizer | None"
    ) -> tuple[TokenSequence, ...]:
        if not isinstance(example, UnpairedExample):
            raise RecipeError(f"nft trains on unpaired examples, not on {example.kind}")
        if not 0 < example.rate < 1:
            raise ValueError(f"nft needs right and wrong samples of a prompt, not {example.rate}")
        row = as_sampled(example.prompt, example.response)
        fields = {"weight": example.weight, "label": example.label, "rate": example.rate}
        return (row._replace(per_sequence=fields),)

    def loss(self, logp: "Tensor", batch: LossTokens) -> "Tensor":
        label, rate = (batch.per_sequence[name][batch.sequence] for name in ("label", "rate"))
        gap = logp - batch.per_token["behaviour"]
        negative = (1 - rate * gap.exp()) / (1 - rate)
        negative = negative + (negative.clamp(min=self.epsilon) - negative).detach()
        likelihood = label * gap + (1 - label) * negative.log()
        return -(batch.weights() * self._omega(rate) * likelihood).sum()

    def _omega(self, rate: "Tensor") -> "Tensor":
        if self.prompt_weight == "one":
            return rate.new_ones(())
        return 1 - rate if self.prompt_weight == "complement" else ((1 - rate) / rate).sqrt()
