"""Direct preference optimisation: a pair's order as a classification by log-probability ratios."""

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from cladeflow.errors import RecipeError
from cladeflow.fine_tune.base import LossTokens, Objective, Referent
from cladeflow.fine_tune.sequences import TokenSequence, as_sampled, flatten
from cladeflow.records import PreferenceExample, Step, TrainingExample

if TYPE_CHECKING:
    from torch import Tensor

    from cladeflow.models.tokenizer import Tokenizer


class Dpo(Objective, name="dpo", version=1):
    """L = −Σ_pairs p log σ(z) + (1 − p) log σ(−z) + α log π(y_w) / |y_w|.

    z = β (Δ_w − Δ_l) − γ m with Δ = Σ_t log π − log π_ref over a response's loss tokens; p is the
    pair's probability that the chosen one is better, m its margin, |y_w| the loss tokens of the
    chosen one. The loss is one of a pair, so the trainer divides by the number of pairs of the
    whole step: dividing by tokens would weigh a pair by how short the others are.

    ``reference`` start is iterative DPO: held to the weights that this update starts from; logged
    takes the log-probabilities with which the responses were sampled, whoever sampled them.

    Sources: Rafailov et al. 2023, arXiv:2305.18290, equation 7; p: Mitchell 2023, conservative
    DPO; γ m: Amini et al. 2024, arXiv:2402.10571; α: Pang et al. 2024, iterative RPO,
    arXiv:2404.19733.
    """

    unit: ClassVar[Literal["token", "example"]] = "example"
    needs: ClassVar[frozenset[str]] = frozenset({"examples:preference"})
    gives: ClassVar[frozenset[str]] = frozenset({"off_policy"})

    beta: float = Field(default=0.1, gt=0)
    reference: Referent | Literal["logged"] = "start"
    margin: float = Field(default=0.0, ge=0)
    """γ, how far a pair's margin shifts what counts as right."""
    nll: float = Field(default=0.0, ge=0)
    """α, of the likelihood of the chosen responses."""

    def reads(self) -> frozenset[str]:
        return frozenset({"behaviour" if self.reference == "logged" else "reference"})

    def referent(self) -> Referent:
        return "start" if self.reference == "logged" else self.reference

    def sequences(
        self, example: TrainingExample, tokenizer: "Tokenizer | None"
    ) -> tuple[TokenSequence, ...]:
        if not isinstance(example, PreferenceExample):
            raise RecipeError(f"dpo trains on preference examples, not on {example.kind}")
        fields = {"weight": example.weight, "p": example.p, "margin": example.margin}
        given = tuple(step.model_copy(update={"train": 0.0}) for step in example.condition)
        sides = (example.chosen, example.rejected)
        rows = (self._row(example, (*given, *side), tokenizer) for side in sides)
        return tuple(row._replace(per_sequence=fields) for row in rows)

    def _row(
        self, example: PreferenceExample, steps: tuple[Step, ...], tokenizer: "Tokenizer | None"
    ) -> TokenSequence:
        if self.reference == "logged":
            return as_sampled(example.prompt, steps)
        return flatten(example.prompt, steps, tokenizer)

    def loss(self, logp: "Tensor", batch: LossTokens) -> "Tensor":
        from torch.nn.functional import logsigmoid

        fields = {name: values[::2] for name, values in batch.per_sequence.items()}
        reference = batch.per_token["behaviour" if self.reference == "logged" else "reference"]
        chosen, rejected = _by_pair(batch.weight * (logp - reference), batch)
        z = self.beta * (chosen - rejected) - self.margin * fields["margin"]
        loss = -fields["p"] * logsigmoid(z) - (1 - fields["p"]) * logsigmoid(-z)
        if self.nll:
            likelihood, _ = _by_pair(batch.weight * logp, batch)
            length, _ = _by_pair((batch.weight != 0).to(logp.dtype), batch)
            loss = loss - self.nll * likelihood / length.clamp(min=1)
        return (fields["weight"] * loss).sum()


def _by_pair(values: "Tensor", batch: LossTokens) -> "tuple[Tensor, Tensor]":
    """Sums of ``values`` [N] over the chosen and over the rejected response of each pair."""
    sums = values.new_zeros(len(batch.per_sequence["weight"]))
    sums = sums.index_add(0, batch.sequence, values)
    return sums[::2], sums[1::2]
