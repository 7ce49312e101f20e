from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from cladeflow.fine_tune import Sft, TokenSequence
from cladeflow.fine_tune.packing import GRAIN, Group, micro_batches, pack, tokens
from cladeflow.fine_tune.policy import Policy
from cladeflow.fine_tune.settings import Layout

LENGTHS = (2, 17, 5, 9, 30, 4)
PACKED = ["llama", "llama-grouped", "qwen2", "gpt-neox", "mistral-window"]


def sequence(length: int) -> TokenSequence:
    generator = torch.Generator().manual_seed(length)
    ids = torch.randint(32, (length,), generator=generator).tolist()
    weights = (0, *(float(i % 3) for i in range(1, length)))
    return TokenSequence(tuple(ids), weights, {}, {"weight": 1 / length})


GROUPS: list[Group] = [(sequence(length),) for length in LENGTHS]


def loss_and_gradients(
    model: PreTrainedModel, layout: Layout, parts: list[list[Group]]
) -> tuple[Tensor, list[Tensor]]:
    policy = Policy(model, dtype="float32", layout=layout)
    total = torch.zeros(())
    for part in parts:
        batch = policy.micro_batch(part)
        total = total + Sft().loss(policy.logp(batch), batch.loss_tokens)
    return total.detach(), list(torch.autograd.grad(total, list(model.parameters())))


@pytest.mark.parametrize("architecture", PACKED)
def test_packed_equals_padded_equals_one_by_one(
    architecture: str, make_model: Callable[[str], PreTrainedModel]
) -> None:
    alone = [[group] for group in GROUPS]
    expected, gradients = loss_and_gradients(make_model(architecture), "padded", alone)
    layouts: tuple[Layout, ...] = ("packed", "padded")
    for layout in layouts:
        loss, found = loss_and_gradients(make_model(architecture), layout, [GROUPS])
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
    parts = list(micro_batches(GROUPS, 20))
    assert sorted(tokens(group) for part in parts for group in part) == sorted(LENGTHS)
    assert [sum(map(tokens, part)) for part in parts] == [20, 17, 30]
