import math

import pytest
import torch

from cladeflow.errors import RecipeError
from cladeflow.fine_tune import Grpo, LossTokens, Nft, RlBatch, Unpaired
from cladeflow.fine_tune.base import Builder, Objective
from cladeflow.records import SftExample, Step, UnpairedExample
from tests.unit.fine_tune.batch_of import batch_of
from tests.unit.fine_tune.judged import judged

BEHAVIOUR = (-1.0, -0.5)
RATIO = (1.5, 0.5)


def example(label: float, rate: float) -> UnpairedExample:
    step = Step(i=0, text="", tokens=(4, 5), logp=BEHAVIOUR)
    return UnpairedExample(prompt=(1,), response=(step,), label=label, rate=rate)


def loss(nft: Nft, label: float, rate: float) -> tuple[float, list[float]]:
    logp = (torch.tensor(BEHAVIOUR) + torch.tensor(RATIO).log()).requires_grad_()
    found = nft.loss(logp, batch_of(nft, [example(label, rate)]))
    (gradient,) = torch.autograd.grad(found, logp)
    return found.item(), gradient.tolist()


def test_right_responses_gain_likelihood() -> None:
    found, gradient = loss(Nft(prompt_weight="one"), 1.0, 0.25)
    assert found == pytest.approx(-math.log(1.5) - math.log(0.5))
    assert gradient == pytest.approx([-1, -1])


def test_wrong_responses_gain_likelihood_under_the_negative_policy() -> None:
    # (1 − r_q R) / (1 − r_q) has the slope −r_q R / (1 − r_q) in log π.
    low, high = (1 - 0.25 * 1.5) / 0.75, (1 - 0.25 * 0.5) / 0.75
    slopes = [0.25 * r / 0.75 for r in RATIO]
    found, gradient = loss(Nft(prompt_weight="one", epsilon=0.5), 0.0, 0.25)
    assert found == pytest.approx(-math.log(low) - math.log(high), abs=1e-6)
    assert gradient == pytest.approx([slopes[0] / low, slopes[1] / high])


def test_a_small_negative_ratio_counts_as_epsilon_and_keeps_its_gradient() -> None:
    high = (1 - 0.25 * 0.5) / 0.75
    found, gradient = loss(Nft(prompt_weight="one"), 0.0, 0.25)
    assert found == pytest.approx(-math.log(high), abs=1e-6)
    assert gradient == pytest.approx([0.25 * 1.5 / 0.75, 0.25 * 0.5 / 0.75 / high])


@pytest.mark.parametrize(
    ("prompt_weight", "omega"), [("one", 1.0), ("complement", 0.8), ("grpo", 2.0)]
)
def test_hard_prompts_weigh_more(prompt_weight: str, omega: float) -> None:
    nft = Nft.model_validate({"prompt_weight": prompt_weight})
    plain, _ = loss(Nft(prompt_weight="one"), 1.0, 0.2)
    assert loss(nft, 1.0, 0.2)[0] == pytest.approx(omega * plain)


def on_policy_gradient(builder: Builder, objective: Objective) -> torch.Tensor:
    """By log-probability, where the policy is the one that sampled."""
    data = judged({"a": (1, 0, 0, 0), "b": (1, 1, 1, 0), "c": (1, 1, 0, 0)})
    batch: LossTokens = batch_of(objective, objective.prepare(list(builder.build(data))))
    logp = batch.per_token["behaviour"].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(objective.loss(logp, batch), logp)
    return gradient


@pytest.mark.parametrize("std", [True, False])
def test_on_fresh_samples_the_gradient_is_proportional_to_grpos(std: bool) -> None:
    """Proposition 4.2: equal with ω = sqrt((1 − r_q) / r_q), and to Dr. GRPO's with 1 − r_q."""
    nft = Nft(prompt_weight="grpo" if std else "complement")
    found = on_policy_gradient(Unpaired(), nft)
    expected = on_policy_gradient(RlBatch(), Grpo(std=std))
    assert expected.abs().min() > 0.1
    torch.testing.assert_close(found, expected)


def test_prompts_without_both_kinds_and_other_examples_are_refused() -> None:
    with pytest.raises(ValueError, match="right and wrong samples"):
        Nft().sequences(example(1.0, 1.0), None)
    with pytest.raises(RecipeError, match="not on sft"):
        Nft().sequences(SftExample(prompt=(1,), steps=()), None)
