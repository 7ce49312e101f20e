import math

import pytest
import torch

from cladeflow.errors import RecipeError
from cladeflow.fine_tune import LossTokens, Sft
from cladeflow.records import PreferenceExample, SftExample, Step, WeightedExample


def step(tokens: tuple[int, ...], train: float = 1.0) -> Step:
    return Step(i=0, text="", tokens=tokens, train=train)


def loss_tokens(weight: list[float], sequence: list[int], examples: list[float]) -> LossTokens:
    return LossTokens(
        weight=torch.tensor(weight),
        sequence=torch.tensor(sequence),
        per_token={},
        per_sequence={"weight": torch.tensor(examples)},
    )


def test_loss_and_gradient_of_two_tokens_by_hand() -> None:
    # Two choices with logits (z, 0): log π = log σ(z), d/dz log σ(z) = 1 − σ(z).
    z = torch.tensor([0.0, 2.0], requires_grad=True)
    logp = torch.log_softmax(torch.stack([z, torch.zeros(2)], -1), -1)[:, 0]
    loss = Sft().loss(logp, loss_tokens([1.0, 0.5], [0, 1], [1.0, 3.0]))
    loss.backward()
    sigma = 1 / (1 + math.exp(-2))
    assert loss.item() == pytest.approx(math.log(2) - 1.5 * math.log(sigma))
    assert z.grad is not None
    assert z.grad.tolist() == pytest.approx([-0.5, -1.5 * (1 - sigma)])


def test_weights_follow_the_steps() -> None:
    example = SftExample(prompt=(5, 6), steps=(step((7,)), step((8, 9), 0.0), step((2,), 0.25)))
    (row,) = Sft().sequences(example, None)
    assert row.tokens == (5, 6, 7, 8, 9, 2)
    assert row.weights == (0, 0, 1, 0, 0, 0.25)
    assert row.loss_tokens == 2
    assert row.per_sequence == {"weight": 1.0}


def test_an_examples_weight_multiplies_its_tokens() -> None:
    logp = torch.tensor([-1.0, -2.0, -4.0])
    rewards = loss_tokens([1.0, 1.0, 1.0], [0, 0, 1], [0.5, 2.0])
    assert Sft().loss(logp, rewards).item() == pytest.approx(0.5 * 3 + 2 * 4)


def test_weighted_examples_carry_their_weight() -> None:
    example = WeightedExample(prompt=(5,), steps=(step((7,)),), weight=0.3)
    assert Sft().sequences(example, None)[0].per_sequence == {"weight": 0.3}


def test_other_kinds_are_refused() -> None:
    pair = PreferenceExample(prompt=(1,), chosen=(step((2,)),), rejected=(step((3,)),))
    with pytest.raises(RecipeError, match="not on preference"):
        Sft().sequences(pair, None)
