import math

import pytest
import torch

from cladeflow.errors import RecipeError
from cladeflow.fine_tune import Dpo
from cladeflow.records import PreferenceExample, SftExample, Step
from tests.unit.fine_tune.batch_of import batch_of

LOGP = torch.tensor([-1.0, -2.0, -0.5, -1.5, -1.0])
REFERENCE = torch.tensor([-1.5, -2.5, -0.5, -1.0, -2.0])
"""Two tokens chosen and one rejected, then one and one: Δ = 1 − 0 and −0.5 − 1."""
DELTAS = (1.0, -1.5)


def step(*tokens: int) -> Step:
    return Step(i=0, text="", tokens=tokens, logp=tuple(-float(t) for t in tokens))


def pairs(**changes: object) -> list[PreferenceExample]:
    return [
        PreferenceExample.model_validate(
            {"prompt": (1,), "chosen": (chosen,), "rejected": (rejected,), **changes}
        )
        for chosen, rejected in ((step(4, 5), step(6)), (step(7), step(8)))
    ]


def loss(dpo: Dpo, given: list[PreferenceExample]) -> float:
    batch = batch_of(dpo, given).with_column("reference", REFERENCE)
    return dpo.loss(LOGP, batch).item()


def log_sigmoid(z: float) -> float:
    return -math.log1p(math.exp(-z))


def test_the_loss_is_the_sum_over_pairs() -> None:
    expected = -sum(log_sigmoid(0.5 * delta) for delta in DELTAS)
    assert loss(Dpo(beta=0.5), pairs()) == pytest.approx(expected)
    assert Dpo().unit == "example"


def test_the_gradient_pushes_whole_responses_apart() -> None:
    dpo = Dpo(beta=0.5)
    logp = LOGP.clone().requires_grad_()
    dpo.loss(logp, batch_of(dpo, pairs()).with_column("reference", REFERENCE)).backward()
    pull = [0.5 / (1 + math.exp(0.5 * delta)) for delta in DELTAS]
    assert logp.grad is not None
    by_hand = [-pull[0], -pull[0], pull[0], -pull[1], pull[1]]
    assert logp.grad.tolist() == pytest.approx(by_hand)


def test_a_margin_shifts_what_counts_as_right() -> None:
    expected = -sum(log_sigmoid(delta - 2 * 0.5) for delta in DELTAS)
    assert loss(Dpo(beta=1, margin=2), pairs(margin=0.5)) == pytest.approx(expected)


def test_an_uncertain_preference_is_weighed_both_ways() -> None:
    expected = -sum(0.75 * log_sigmoid(d) + 0.25 * log_sigmoid(-d) for d in DELTAS)
    assert loss(Dpo(beta=1), pairs(p=0.75)) == pytest.approx(expected)


def test_the_chosen_responses_likelihood_is_per_token() -> None:
    plain = loss(Dpo(beta=1), pairs())
    assert loss(Dpo(beta=1, nll=2), pairs()) == pytest.approx(plain + 2 * (3.0 / 2 + 1.5))


def test_an_examples_weight_multiplies_its_pair() -> None:
    assert loss(Dpo(), pairs(weight=3.0)) == pytest.approx(3 * loss(Dpo(), pairs()))


def test_logged_takes_the_log_probabilities_of_sampling() -> None:
    dpo = Dpo(beta=1, reference="logged")
    assert dpo.reads() == {"behaviour"}
    deltas = (-1 - 2 + 4 + 5 - (-0.5 + 6), -1.5 + 7 - (-1 + 8))
    expected = -sum(log_sigmoid(delta) for delta in deltas)
    assert dpo.loss(LOGP, batch_of(dpo, pairs())).item() == pytest.approx(expected)


def test_a_condition_is_read_and_not_learned() -> None:
    chosen, rejected = Dpo().sequences(pairs(condition=(step(2, 3),))[0], None)
    assert (chosen.tokens, chosen.weights) == ((1, 2, 3, 4, 5), (0, 0, 0, 1, 1))
    assert (rejected.tokens, rejected.weights) == ((1, 2, 3, 6), (0, 0, 0, 1))


def test_other_kinds_are_refused() -> None:
    with pytest.raises(RecipeError, match="not on sft"):
        Dpo().sequences(SftExample(prompt=(1,), steps=()), None)
