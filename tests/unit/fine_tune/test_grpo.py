import math

import pytest
import torch

from cladeflow.errors import CladeflowError, RecipeError
from cladeflow.fine_tune import Grpo
from cladeflow.records import GroupAdvantageExample, SftExample, Step
from tests.unit.fine_tune.batch_of import batch_of

BEHAVIOUR = (-1.0, -0.5, -2.0)


def example(**changes: object) -> GroupAdvantageExample:
    told = Step(i=1, role="tool", text="", tokens=(8, 9), train=0.0)
    steps = (
        Step(i=0, text="", tokens=(4, 5), logp=BEHAVIOUR[:2]),
        told,
        Step(i=2, text="", tokens=(6,), logp=BEHAVIOUR[2:]),
    )
    values = {
        "prompt": (1, 2),
        "steps": steps,
        "group": "g",
        "reward": 1.0,
        "advantage": 1.0,
        **changes,
    }
    return GroupAdvantageExample.model_validate(values)


def test_the_surrogate_is_clipped_on_one_side_by_the_advantages_sign() -> None:
    # Ratios 1.5, 0.5 and 1.1 with clips 0.2 below and 0.28 above.
    logp = torch.tensor(BEHAVIOUR) + torch.tensor([1.5, 0.5, 1.1]).log()
    logp.requires_grad_()
    grpo = Grpo(clip_high=0.28)
    better = grpo.loss(logp, batch_of(grpo, [example(advantage=2.0)]))
    assert better.item() == pytest.approx(-2 * (1.28 + 0.5 + 1.1))
    (gradient,) = torch.autograd.grad(better, logp)
    assert gradient.tolist() == pytest.approx([0, -2 * 0.5, -2 * 1.1])
    worse = grpo.loss(logp, batch_of(grpo, [example(advantage=-2.0)]))
    assert worse.item() == pytest.approx(2 * (1.5 + 0.8 + 1.1))


def test_tokens_of_tools_and_prompts_are_not_there() -> None:
    grpo = Grpo()
    batch = batch_of(grpo, [example()])
    assert batch.per_token["behaviour"].tolist() == pytest.approx(BEHAVIOUR)
    assert batch.per_token["advantage"].tolist() == [1, 1, 1]


def test_token_credit_is_added_to_the_advantage() -> None:
    grpo = Grpo()
    batch = batch_of(grpo, [example(credit=(0.5, 0.0, 9.0, 9.0, -1.0))])
    assert batch.per_token["advantage"].tolist() == [1.5, 1.0, 0.0]
    with pytest.raises(ValueError, match="2 token credits for 5 tokens"):
        grpo.sequences(example(credit=(0.5, 0.0)), None)


def test_divergence_from_the_reference_is_estimated_by_k3() -> None:
    grpo = Grpo(kl=0.5)
    batch = batch_of(grpo, [example(advantage=0.0)])
    gaps = torch.tensor([0.3, -0.2, 0.0])
    logp = torch.tensor(BEHAVIOUR)
    loss = grpo.loss(logp, batch.with_column("reference", logp + gaps))
    by_hand = sum(math.exp(d) - d - 1 for d in (0.3, -0.2, 0.0))
    assert loss.item() == pytest.approx(0.5 * by_hand, abs=1e-6)
    assert grpo.reads() == {"behaviour", "reference"}


def test_the_entropy_bonus_lowers_the_loss() -> None:
    grpo = Grpo(entropy=0.1)
    batch = batch_of(grpo, [example(advantage=0.0)])
    bonus = batch.with_column("entropy", torch.tensor([1.0, 2.0, 3.0]))
    assert grpo.loss(torch.tensor(BEHAVIOUR), bonus).item() == pytest.approx(-0.6)
    assert grpo.reads() == {"behaviour", "entropy"}


def test_an_examples_weight_multiplies_its_tokens() -> None:
    grpo = Grpo()
    loss = grpo.loss(torch.tensor(BEHAVIOUR), batch_of(grpo, [example(weight=0.25)]))
    assert loss.item() == pytest.approx(-0.75)


def test_advantages_are_divided_by_the_groups_std() -> None:
    rewards = {"a": (1.0, 0.0, 0.0, 0.0), "b": (4.0, 2.0)}
    made = [
        example(group=name, reward=r, advantage=r - sum(found) / len(found))
        for name, found in rewards.items()
        for r in found
    ]
    replay = example(group="replay", reward=1.0, advantage=0.4, replay=True)
    ready = [e.advantage for e in Grpo().prepare([*made, replay])]
    root3 = math.sqrt(3)
    assert ready == pytest.approx([root3, -1 / root3, -1 / root3, -1 / root3, 1, -1, 0.4])
    assert Grpo(std=False).prepare([*made, replay]) == [*made, replay]


def test_text_that_nobody_sampled_is_refused_with_the_reason() -> None:
    given = (Step(i=0, text="=3", tokens=(4,)),)
    with pytest.raises(CladeflowError, match=r"step 0 \('=3'\) has no behaviour log-prob.*use sft"):
        Grpo().sequences(example(steps=given), None)
    with pytest.raises(CladeflowError, match="no behaviour log-probabilities"):
        Grpo().sequences(example(prompt="1+2"), None)


def test_other_kinds_are_refused() -> None:
    with pytest.raises(RecipeError, match="not on sft"):
        Grpo().sequences(SftExample(prompt=(1,), steps=()), None)
