import pytest
import torch
from torch import nn

from cladeflow.fine_tune import TrainSettings
from cladeflow.fine_tune.optimiser import Optimiser, learning_rate


def settings(**changes: float) -> TrainSettings:
    values = {"learning_rate": 1.0, "warmup_ratio": 0.4, "floor": 0.1, **changes}
    return TrainSettings.model_validate({"token_batch": 8, "seed": "s", **values})


def test_warm_up_then_cosine_by_hand() -> None:
    # 10 steps, 4 of them warm-up: quarters of the peak; then cos at 0, π/5, ..., π.
    rates = [learning_rate(step, 10, settings()) for step in range(10)]
    assert rates[:4] == [0.25, 0.5, 0.75, 1.0]
    assert rates[4] == pytest.approx(1.0)
    assert rates[5] == pytest.approx(0.1 + 0.9 * (1 + 0.8090169943749475) / 2)
    assert rates[9] == pytest.approx(0.1)


def test_no_warm_up_and_a_single_step() -> None:
    assert learning_rate(0, 1, settings(warmup_ratio=0.0)) == 1.0
    assert learning_rate(0, 1, settings(warmup_ratio=1.0)) == 1.0


def test_floor_one_is_constant() -> None:
    rates = {learning_rate(s, 9, settings(floor=1.0, warmup_ratio=0.0)) for s in range(9)}
    assert rates == {1.0}


def model_with_gradient(value: float) -> nn.Linear:
    model = nn.Linear(2, 2)
    for parameter in model.parameters():
        nn.init.ones_(parameter)
        parameter.grad = torch.full_like(parameter, value)
    return model


def test_the_norm_is_clipped_and_returned_as_it_was() -> None:
    model = model_with_gradient(3.0)  # six entries: norm 3 √6
    optimiser = Optimiser(model, settings(clip=0.5), 1)
    seen: list[float] = []
    optimiser._adam.register_step_pre_hook(
        lambda *_: seen.append(sum(float(p.grad.norm() ** 2) for p in model.parameters()) ** 0.5)
    )
    assert optimiser.step(0) == pytest.approx(3 * 6**0.5)
    assert seen == pytest.approx([0.5])
    assert all(parameter.grad is None for parameter in model.parameters())


def test_first_step_is_the_learning_rate_and_only_matrices_decay() -> None:
    model = model_with_gradient(0.01)
    Optimiser(model, settings(learning_rate=0.1, weight_decay=0.5), 1).step(0)
    # Adam's first step is lr · sign(g); decay multiplies a matrix by 1 − lr · 0.5 before it.
    assert model.bias.tolist() == pytest.approx([0.9, 0.9], abs=1e-5)
    assert model.weight.flatten().tolist() == pytest.approx([0.85] * 4, abs=1e-5)
