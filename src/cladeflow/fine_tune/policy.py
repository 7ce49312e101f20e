"""The trained model as a function from laid-out sequences to log-probabilities."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, log_softmax
from transformers import PreTrainedModel

from cladeflow.fine_tune import packing
from cladeflow.fine_tune.lanes import Lanes
from cladeflow.fine_tune.packing import Group, MicroBatch
from cladeflow.fine_tune.sequences import TokenSequence
from cladeflow.fine_tune.settings import Layout
from cladeflow.models.linear import use_onednn
from cladeflow.models.loading import Dtype

PROBE: Sequence[Group] = (
    (TokenSequence((1, 2, 3, 1), (0, 1, 1, 1)),),
    (TokenSequence((3, 1, 2), (0, 0, 1)),),
    (TokenSequence((1, 2, 1), (0, 0, 1)),),
)
PACKABLE = {"full_attention", "sliding_attention"}
"""Layer types that a probe of short sequences can speak for."""
TOLERANCE = 1e-3
"""Largest difference of log-probabilities that counts as rounding, in nats."""


def log_probabilities(logits: Tensor, targets: Tensor) -> Tensor:
    """[N] natural log-probability of each of ``targets`` [N] under ``logits`` [N, vocabulary]."""
    return -cross_entropy(logits, targets, reduction="none")


def entropies(logits: Tensor) -> Tensor:
    """[N] entropy of each distribution, H = −Σ_v p_v log p_v, in nats."""
    logp = log_softmax(logits, -1)
    return -(logp.exp() * logp).sum(-1)


class Policy:
    """A causal language model in float32, the dtype it computes in, and its layout of inputs.

    Dropout is off: log-probabilities have to mean the same at every evaluation, and training then
    draws no random numbers that a resumed run would have to draw again.
    """

    def __init__(self, model: PreTrainedModel, *, dtype: Dtype, layout: Layout) -> None:
        self.model = model
        nn.Module.eval(model)
        self._autocast = False  # while probing, so that only a real difference shows
        self._native = model.config._attn_implementation
        self.layout = self._choose(layout)
        self._autocast = dtype == "bfloat16"
        self.lanes = Lanes.of(model)
        if dtype == "float32":
            use_onednn(model)

    def micro_batch(self, groups: Sequence[Group]) -> MicroBatch:
        """``groups`` as the model reads them."""
        lay_out = packing.pack if self.layout == "packed" else packing.pad_right
        return lay_out(groups, self.model.device)

    def logits(self, batch: MicroBatch) -> Tensor:
        """[N, vocabulary] of the prediction of each loss token, float32, differentiable."""
        device = self.model.device.type
        with torch.autocast(device, torch.bfloat16, enabled=self._autocast):
            logits = self.model(**batch.inputs, use_cache=False).logits.flatten(0, 1)
        if batch.predictions is not None:
            logits = logits[batch.predictions]
        found: Tensor = logits.float()
        return found

    def logp(self, batch: MicroBatch) -> Tensor:
        """[N] natural log-probability of each loss token, float32, differentiable."""
        return log_probabilities(self.logits(batch), batch.targets)

    def _choose(self, layout: Layout) -> Layout:
        """The layout asked for; auto packs where a probe finds no difference to padding.

        Raises ValueError where packing is asked for and not exact: an architecture whose attention
        does more than scale, mask and add up, or whose layers mix tokens outside attention.
        """
        if layout != "padded" and self._packs():
            return "packed"
        self.model.set_attn_implementation(self._native)
        if layout == "packed":
            raise ValueError(f"{type(self.model).__name__} cannot be packed exactly: use auto")
        return "padded"

    @torch.no_grad()
    def _packs(self) -> bool:
        kinds = getattr(self.model.config, "layer_types", None) or ()
        if not PACKABLE.issuperset(kinds):
            return False
        self.layout = "padded"
        expected = self.logp(self.micro_batch(PROBE))
        self.layout = "packed"
        try:
            self.model.set_attn_implementation(packing.NAME)
            found = self.logp(self.micro_batch(PROBE))
        except Exception:  # architectures refuse arguments that they do not know in many ways
            return False
        return found.shape == expected.shape and bool((found - expected).abs().max() < TOLERANCE)
