"""Laying sequences out for a forward pass: packed into one row, or padded to a rectangle.

Packing lays sequences end to end and what they begin with in common once, so that all of a model
but its attention works on real tokens only; attention gathers them into a rectangle and back. Both
layouts give the same log-probabilities.
Importing the module registers the attention with transformers as the implementation `NAME`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad, scaled_dot_product_attention
from transformers import AttentionInterface

from cladeflow.fine_tune.base import LossTokens
from cladeflow.fine_tune.sequences import TokenSequence

NAME = "cladeflow_packed"
GRAIN = 64
"""Packed rows are multiples of this long: matrix kernels are compiled per shape and cached."""

Group = Sequence[TokenSequence]
"""The sequences of one example."""


class Gather(NamedTuple):
    """Where tokens go for attention: indices into the row by rectangle cell, and back."""

    cells: Tensor
    """[rows, width] position in the packed row; cells past a sequence's end point anywhere."""
    back: Tensor
    """[positions] cell of each position of the packed row, cells counted row by row."""


@dataclass(frozen=True)
class MicroBatch:
    """One forward pass: the model's arguments, and where its loss tokens are predicted."""

    inputs: dict[str, Any]
    predictions: Tensor | None
    """[N] index of each loss token's prediction in the flattened logits; None: all, in order."""
    targets: Tensor
    """[N] the loss tokens."""
    loss_tokens: LossTokens


def attend(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    gather: Gather | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Causal attention within each sequence of a packed row; [1, positions, heads, head size].

    Shapes: query [1, heads, positions, head size], key and value likewise with key heads.
    """
    assert gather is not None
    rows, width = gather.cells.shape
    # PyTorch's CPU attention goes backward in float32 several times as fast as in bfloat16.
    dtype = torch.float32 if query.device.type == "cpu" else query.dtype

    def rectangle(x: Tensor) -> Tensor:
        cells = x[0].transpose(0, 1).index_select(0, gather.cells.flatten())
        return cells.view(rows, width, *cells.shape[1:]).transpose(1, 2).to(dtype)

    window = _window(width, sliding_window, query.device)
    with torch.autocast(query.device.type, enabled=False):
        out = scaled_dot_product_attention(
            rectangle(query),
            rectangle(key),
            rectangle(value),
            attn_mask=window,
            is_causal=window is None,
            scale=scaling,
            enable_gqa=query.shape[1] != key.shape[1],
        )
    flat = out.transpose(1, 2).flatten(0, 1).index_select(0, gather.back)
    return flat[None].to(query.dtype), None


AttentionInterface.register(NAME, attend)


def _window(width: int, reach: int | None, device: torch.device) -> Tensor | None:
    """[width, width] True where a token may look; None where nothing but causality limits it."""
    if reach is None or width <= reach:
        return None
    return torch.ones(width, width, dtype=torch.bool, device=device).tril().triu(1 - reach)


def micro_batches(groups: Sequence[Group], micro_tokens: int) -> Iterator[list[Group]]:
    """Cut groups, best in the order of `neighbours`, into parts of at most so many tokens."""
    part: list[Group] = []
    total = 0
    for group in groups:
        size = tokens(group)
        if part and total + size > micro_tokens:
            yield part
            part, total = [], 0
        part.append(group)
        total += size
    if part:
        yield part


def dealt_out(groups: Sequence[Group], micro_tokens: int, lanes: int) -> Iterator[list[Group]]:
    """Micro-batches for so many lanes, which together hold at most so many tokens at once."""
    each = -(-sum(map(tokens, groups)) // lanes) + max(map(tokens, groups), default=0)
    return micro_batches(groups, min(micro_tokens // lanes, each))


def neighbours(groups: Sequence[Group]) -> list[Group]:
    """Groups in an order in which those with the same prompt, or of similar length, are near."""
    longest: dict[Sequence[int], int] = {}
    for group in groups:
        longest[_prompt(group)] = max(longest.get(_prompt(group), 0), _longest(group))
    return sorted(groups, key=lambda g: (longest[_prompt(g)], _prompt(g), _longest(g)))


def _prompt(group: Group) -> Sequence[int]:
    """What the group's first sequence has before its first loss token."""
    first = group[0]
    return first.tokens[: next((i for i, weight in enumerate(first.weights) if weight), 0)]


def tokens(group: Group) -> int:
    """Unpadded tokens of a group."""
    return sum(len(sequence.tokens) for sequence in group)


def _longest(group: Group) -> int:
    return max(len(sequence.tokens) for sequence in group)


def pack(groups: Sequence[Group], device: torch.device) -> MicroBatch:
    """All sequences in one row, each distinct prefix once; logits are made only where needed."""
    rows = [sequence for group in groups for sequence in group]
    trie = Trie.of([row.tokens for row in rows])
    filler = -len(trie.tokens) % GRAIN
    where = [(r, i) for r, row in enumerate(rows) for i, weight in enumerate(row.weights) if weight]
    row, depth = torch.tensor(where).unbind(1)
    inputs = {
        "input_ids": pad(torch.tensor(trie.tokens), (0, filler))[None].to(device),
        "position_ids": pad(torch.tensor(trie.depths), (0, filler))[None].to(device),
        "logits_to_keep": trie.cells[row, depth - 1].to(device),
        "gather": Gather(
            trie.cells.to(device), pad(torch.tensor(trie.back), (0, filler)).to(device)
        ),
    }
    targets = torch.tensor([rows[r].tokens[i] for r, i in where])
    return MicroBatch(inputs, None, targets.to(device), _loss_tokens(rows, device))


class Trie(NamedTuple):
    """Token sequences with every distinct prefix laid out once: samples of one task share it.

    What a causal model computes at a token depends on the tokens up to it alone, so sequences
    that begin alike have the same activations there; their gradients add up. Exact, and the
    idea of Prefix Grouper (Liu et al. 2025, arXiv:2506.05433) without its separate attention
    to prefixes.
    """

    tokens: list[int]
    """Of each position of the packed row."""
    depths: list[int]
    """Of each position: how many tokens come before it in its sequences."""
    back: list[int]
    """Of each position: its cell in the first sequence that has it, counted row by row."""
    cells: Tensor
    """[sequences, longest] position of each token; 0 past a sequence's end."""

    @classmethod
    def of(cls, sequences: Sequence[tuple[int, ...]]) -> "Trie":
        """Sorted, a sequence shares with the one before it all that it shares with any."""
        width = max(map(len, sequences))
        cells = torch.zeros(len(sequences), width, dtype=torch.long)
        trie, before = cls([], [], [], cells), 0
        for row in sorted(range(len(sequences)), key=lambda row: sequences[row]):
            size, shared = len(sequences[row]), _alike(sequences[before], sequences[row])
            shared = shared if trie.tokens else 0
            cells[row, :shared] = cells[before, :shared]
            cells[row, shared:size] = torch.arange(size - shared) + len(trie.tokens)
            trie.tokens.extend(sequences[row][shared:])
            trie.depths.extend(range(shared, size))
            trie.back.extend(range(row * width + shared, row * width + size))
            before = row
        return trie


def _alike(one: Sequence[int], other: Sequence[int]) -> int:
    """Length of the longest common prefix."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))


def pad_right(groups: Sequence[Group], device: torch.device) -> MicroBatch:
    """A sequence per row. Padding needs no mask: it comes after all that a token may look at."""
    rows = [sequence for group in groups for sequence in group]
    width = max(len(row.tokens) for row in rows)
    ids = torch.tensor([(*row.tokens, *[0] * (width - len(row.tokens))) for row in rows])
    weights = torch.tensor([(*row.weights, *[0.0] * (width - len(row.weights))) for row in rows])
    where = weights.flatten().nonzero().flatten()
    inputs = {"input_ids": ids.to(device)}
    targets = ids.flatten()[where].to(device)
    return MicroBatch(inputs, (where - 1).to(device), targets, _loss_tokens(rows, device))


def _loss_tokens(rows: Sequence[TokenSequence], device: torch.device) -> LossTokens:
    """The loss tokens of ``rows`` in order; every row has the same names of further fields."""
    keep = [[i for i, weight in enumerate(row.weights) if weight] for row in rows]

    def per_token(columns: Sequence[Sequence[float]]) -> Tensor:
        kept = [column[i] for column, where in zip(columns, keep, strict=True) for i in where]
        return torch.tensor(kept, device=device)

    counts = torch.tensor([len(where) for where in keep])
    fields, columns = rows[0].per_sequence, rows[0].per_token
    return LossTokens(
        weight=per_token([row.weights for row in rows]),
        sequence=torch.arange(len(rows)).repeat_interleave(counts).to(device),
        per_token={name: per_token([row.per_token[name] for row in rows]) for name in columns},
        per_sequence={
            name: torch.tensor([row.per_sequence[name] for row in rows], device=device)
            for name in fields
        },
    )
