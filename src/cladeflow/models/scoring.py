"""Log-probabilities of given texts under a causal language model."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from cladeflow.models.padding import pad, parts

if TYPE_CHECKING:
    from transformers import PreTrainedModel

LOGITS = 1 << 25
"""Logits, padding included, that one pass makes: 128 MiB in float32."""


def completion_scores(
    model: "PreTrainedModel", pairs: Sequence[tuple[list[int], list[int]]], vocabulary: int
) -> list[list[float]]:
    """Log p(completion | context), natural, at temperature 1, per token of each pair's completion.

    With logits z_t after token t, token t + 1 scores log softmax(z_t)[token t + 1], in float32.
    """
    sizes = [len(context) + len(completion) for context, completion in pairs]
    scores: list[list[float]] = [[]] * len(pairs)
    for part in parts(sizes, max(1, LOGITS // vocabulary)):
        for i, values in zip(part, _score(model, [pairs[i] for i in part]), strict=True):
            scores[i] = values
    return scores


@torch.inference_mode()
def _score(
    model: "PreTrainedModel", pairs: Sequence[tuple[list[int], list[int]]]
) -> list[list[float]]:
    ids = pad([context + completion for context, completion in pairs], model.device)
    logits = model(ids, use_cache=False).logits[:, :-1].float()
    logp = logits.log_softmax(-1).gather(2, ids[:, 1:, None])[:, :, 0].cpu()
    return [
        row[len(context) - 1 : len(context) + len(completion) - 1].tolist()
        for row, (context, completion) in zip(logp, pairs, strict=True)
    ]
