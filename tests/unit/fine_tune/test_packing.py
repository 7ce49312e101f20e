from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from transformers import PreTrainedModel

from cladeflow.fine_tune import Sft, TokenSequence
from cladeflow.fine_tune.packing import (
    GRAIN,
    Group,
    Trie,
    dealt_out,
    micro_batches,
    neighbours,
    pack,
    tokens,
)
from cladeflow.fine_tune.policy import Policy
from cladeflow.fine_tune.settings import Layout

LENGTHS = (2, 17, 5, 9, 30, 4)
PACKED = ["llama", "llama-grouped", "qwen2", "gpt-neox", "mistral-window"]


def sequence(length: int) -> TokenSequence:
    generator = torch.Generator().manual_seed(length)
    ids = torch.randint(32, (length,), generator=generator).tolist()
    weights = (0, *(float(i % 3) for i in range(1, length)))
    return TokenSequence(tuple(ids), weights, {}, {"weight": 1 / length})


def branch(length: int, *more: int) -> TokenSequence:
    """The first tokens of a sequence, and others after them."""
    tokens = (*sequence(30).tokens[:length], *more)
    return TokenSequence(
        tokens, (0, *(float(i % 3) for i in range(1, len(tokens)))), {}, {"weight": 0.5}
    )


GROUPS: list[Group] = [(sequence(length),) for length in LENGTHS]
ALIKE: list[Group] = [
    (branch(20, 1, 2), branch(20, 1, 3, 4)),
    (branch(9, 5, 6, 7),),
    (branch(20, 1, 2),),
    (branch(20),),
    (sequence(9),),
]
"""Sequences that begin with another, that begin like another, that equal another."""


def loss_and_gradients(
    model: PreTrainedModel, layout: Layout, parts: list[list[Group]]
) -> tuple[Tensor, list[Tensor]]:
    policy = Policy(model, dtype="float32", layout=layout)
    total = torch.zeros(())
    for part in parts:
        batch = policy.micro_batch(part)
        total = total + Sft().loss(policy.logp(batch), batch.loss_tokens)
    return total.detach(), list(torch.autograd.grad(total, list(model.parameters())))


@pytest.mark.parametrize("groups", [GROUPS, ALIKE], ids=["unlike", "alike"])
@pytest.mark.parametrize("architecture", PACKED)
def test_packed_equals_padded_equals_one_by_one(
    architecture: str, groups: list[Group], make_model: Callable[[str], PreTrainedModel]
) -> None:
    alone = [[group] for group in groups]
    expected, gradients = loss_and_gradients(make_model(architecture), "padded", alone)
    layouts: tuple[Layout, ...] = ("packed", "padded")
    for layout in layouts:
        loss, found = loss_and_gradients(make_model(architecture), layout, [groups])
        torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-5)
        for one, other in zip(found, gradients, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("architecture", [*PACKED, "bloom"])
def test_auto_packs_where_that_is_exact(
    architecture: str, make_model: Callable[[str], PreTrainedModel]
) -> None:
    policy = Policy(make_model(architecture), dtype="float32", layout="auto")
    assert policy.layout == ("packed" if architecture in PACKED else "padded")


def test_rounding_is_no_reason_to_pad(make_model: Callable[[str], PreTrainedModel]) -> None:
    assert Policy(make_model("llama"), dtype="bfloat16", layout="auto").layout == "packed"


def test_padding_serves_what_cannot_be_packed(
    make_model: Callable[[str], PreTrainedModel],
) -> None:
    expected, _ = loss_and_gradients(make_model("bloom"), "padded", [[group] for group in GROUPS])
    loss, _ = loss_and_gradients(make_model("bloom"), "auto", [GROUPS])
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match="cannot be packed"):
        Policy(make_model("bloom"), dtype="float32", layout="packed")


def test_log_probabilities_are_those_of_the_plain_model(
    make_model: Callable[[str], PreTrainedModel],
) -> None:
    model = make_model("llama")
    ids = torch.tensor([GROUPS[1][0].tokens])
    with torch.no_grad():
        every = model(ids).logits[0, :-1].log_softmax(-1).gather(1, ids[0, 1:, None])[:, 0]
        policy = Policy(model, dtype="float32", layout="packed")
        found = policy.logp(policy.micro_batch([GROUPS[0], GROUPS[1]]))[1:]
    weights = torch.tensor(GROUPS[1][0].weights[1:])
    torch.testing.assert_close(found, every[weights != 0], rtol=1e-5, atol=1e-5)


def test_rows_are_filled_up_to_the_grain() -> None:
    batch = pack(GROUPS, torch.device("cpu"))
    assert batch.inputs["input_ids"].shape == (1, 2 * GRAIN)
    assert sum(LENGTHS) == 67


def test_what_sequences_begin_with_in_common_is_laid_out_once() -> None:
    trie = Trie.of([(5, 6, 8), (7, 6), (5, 6), (5, 6, 7, 9)])
    assert trie.tokens == [5, 6, 7, 9, 8, 7, 6]
    assert trie.depths == [0, 1, 2, 3, 2, 0, 1]
    assert trie.back == [8, 9, 14, 15, 2, 4, 5]
    assert trie.cells.tolist() == [[0, 1, 4, 0], [5, 6, 0, 0], [0, 1, 0, 0], [0, 1, 2, 3]]


SHORT = st.lists(st.integers(0, 2), min_size=1, max_size=8).map(tuple)


@given(st.lists(SHORT, min_size=1, max_size=12))
def test_every_cell_leads_to_its_prefix(sequences: list[tuple[int, ...]]) -> None:
    trie = Trie.of(sequences)
    prefixes = {s[: i + 1] for s in sequences for i in range(len(s))}
    assert len(trie.tokens) == len(trie.depths) == len(trie.back) == len(prefixes)
    width = max(map(len, sequences))
    for row, tokens_ in enumerate(sequences):
        where = trie.cells[row, : len(tokens_)].tolist()
        assert tuple(trie.tokens[p] for p in where) == tokens_
        assert [trie.depths[p] for p in where] == list(range(len(tokens_)))
        for depth, position in enumerate(where):
            first, column = divmod(trie.back[position], width)
            assert column == depth
            assert sequences[first][: depth + 1] == tokens_[: depth + 1]


def test_loss_tokens_say_whose_they_are() -> None:
    pair = (
        TokenSequence((1, 2, 3), (0, 0, 0.5), {"logp": (0, -1, -2)}, {"margin": 3.0}),
        TokenSequence((4, 5), (0, 1), {"logp": (0, -5)}, {"margin": 4.0}),
    )
    batch = pack([pair], torch.device("cpu")).loss_tokens
    assert batch.weight.tolist() == [0.5, 1]
    assert batch.sequence.tolist() == [0, 1]
    assert batch.per_token["logp"].tolist() == [-2, -5]
    assert batch.per_sequence["margin"].tolist() == [3, 4]


def test_micro_batches_hold_every_group_once_within_the_limit() -> None:
    parts = list(micro_batches(neighbours(GROUPS), 20))
    assert sorted(tokens(group) for part in parts for group in part) == sorted(LENGTHS)
    assert [sum(map(tokens, part)) for part in parts] == [20, 17, 30]


def test_lanes_share_a_step_and_hold_no_more_than_the_limit_together() -> None:
    def sizes(micro_tokens: int, lanes: int) -> list[int]:
        groups: list[Group] = [(sequence(4),)] * 25
        return [sum(map(tokens, part)) for part in dealt_out(groups, micro_tokens, lanes)]

    assert sizes(1000, 1) == [100]
    assert sizes(1000, 2) == [52, 48]
    assert sizes(1000, 4) == [28, 28, 28, 16]
    assert sizes(48, 2) == [24, 24, 24, 24, 4]
    assert sizes(1, 2) == [4] * 25
    assert not list(dealt_out([], 10, 2))


def test_groups_of_one_prompt_are_neighbours() -> None:
    def asked(prompt: int, length: int) -> Group:
        tokens = (prompt,) * 3 + (9,) * length
        return (TokenSequence(tokens, (0,) * 3 + (1,) * length),)

    groups = [asked(1, 9), asked(2, 5), asked(1, 2), asked(3, 1), asked(2, 4)]
    (part,) = micro_batches(neighbours(groups), 1000)
    assert [(g[0].tokens[0], len(g[0].tokens) - 3) for g in part] == [
        (3, 1), (2, 4), (2, 5), (1, 2), (1, 9)
    ]  # fmt: skip
