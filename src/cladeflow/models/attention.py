"""Attention over right-padded rows: causal where a context is read, windowed where it is continued.

Importing the module registers it with transformers as the attention implementation `NAME`.
"""

from typing import Any, NamedTuple

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from cladeflow.errors import ModelError

NAME = "cladeflow_rows"
CHANGES_SCORES = ("softcap", "s_aux", "position_bias")
"""Arguments by which some architectures' attention departs from the plain one."""


class Window(NamedTuple):
    """Rows ``start`` to ``stop`` of a batch; none of them has more than ``width`` columns."""

    start: int
    stop: int
    width: int


def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    windows: tuple[Window, ...] = (),
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Attention output [batch, positions, heads, head size] and no weights.

    Shapes: query [batch, heads, positions, head size]; key and value [batch, key heads, columns,
    head size]; additive mask [batch, 1, 1, columns], given only with ``windows`` and one position
    per row. Without a mask attention is causal, which is all that right-padded rows need: padding
    comes after everything that a token may look at.
    """
    if unknown := [name for name in CHANGES_SCORES if kwargs.get(name) is not None]:
        raise ModelError(f"the transformers engine does not know attention with {unknown[0]}")
    if attention_mask is None:
        causal = query.shape[2] > 1
        grouped = query.shape[1] != key.shape[1]
        out = scaled_dot_product_attention(
            query, key, value, scale=scaling, is_causal=causal, enable_gqa=grouped
        )
        return out.transpose(1, 2), None
    batch, heads, _, size = query.shape
    # Heads that share a key head become its query positions, so that keys are never repeated.
    folded = query.reshape(batch, key.shape[1], -1, size).to(key.dtype)
    parts = [
        scaled_dot_product_attention(
            folded[start:stop],
            key[start:stop, :, :width],
            value[start:stop, :, :width],
            attn_mask=attention_mask[start:stop, :, :, :width],
            scale=scaling,
        )
        for start, stop, width in windows
    ]
    out = parts[0] if len(parts) == 1 else torch.cat(parts)
    return out.reshape(batch, 1, heads, -1).to(query.dtype), None


AttentionInterface.register(NAME, attend)
