"""Supervised fine-tuning: maximum likelihood on masked, weighted tokens."""

from typing import TYPE_CHECKING, ClassVar

from cladeflow.errors import RecipeError
from cladeflow.fine_tune.base import LossTokens, Objective
from cladeflow.fine_tune.sequences import TokenSequence, flatten
from cladeflow.records import SftExample, TrainingExample, WeightedExample

if TYPE_CHECKING:
    from torch import Tensor

    from cladeflow.models.tokenizer import Tokenizer


class Sft(Objective, name="sft", version=1):
    """L = −Σ_i w_i Σ_t m_it log π(y_it | x_i, y_i<t).

    w_i is the example's weight and m_it the ``train`` weight of the step that holds token t. With
    w in {0, 1} this is rejection-sampling fine-tuning, STaR (Zelikman et al. 2022) and ReST-EM
    (Singh et al. 2023); with w the reward, reward-weighted likelihood.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"examples:sft"})

    def sequences(
        self, example: TrainingExample, tokenizer: "Tokenizer | None"
    ) -> tuple[TokenSequence, ...]:
        if not isinstance(example, SftExample | WeightedExample):
            raise RecipeError(f"sft trains on sft and weighted examples, not on {example.kind}")
        row = flatten(example.prompt, example.steps, tokenizer)
        return (row._replace(per_sequence={"weight": example.weight}),)

    def loss(self, logp: "Tensor", batch: LossTokens) -> "Tensor":
        return -(batch.weights() * logp).sum()
