"""Columns that the trainer supplies: reference log-probabilities and the policy's entropy."""

from pathlib import Path

import pytest
import torch
from torch.distributions import Categorical

from cladeflow.fine_tune import Dpo, Grpo, Sft, TrainSettings
from cladeflow.fine_tune.base import LossTokens
from cladeflow.fine_tune.policy import entropies
from cladeflow.fine_tune.trainer import Run, train
from cladeflow.models.loading import load_model
from cladeflow.records import GroupAdvantageExample, PreferenceExample, SftExample, Step


def step(*tokens: int) -> Step:
    return Step(i=0, text="", tokens=tokens, logp=(-1.0,) * len(tokens))


PAIRS = [
    PreferenceExample(prompt=(1, n), chosen=(step(n, n + 1),), rejected=(step(n + 2),))
    for n in range(3, 12)
]


def settings(**changes: object) -> TrainSettings:
    values = {"learning_rate": 0.01, "token_batch": 20, "seed": "s", **changes}
    return TrainSettings.model_validate(values)


def run(model_dir: Path, micro_tokens: int) -> Run:
    model = load_model(model_dir, dtype="float32", device="cpu")
    groups = [Dpo().sequences(pair, None) for pair in PAIRS]
    return Run(model, groups, Dpo(), settings(micro_tokens=micro_tokens))


@pytest.mark.parametrize("micro_tokens", [1, 1000])
def test_held_to_its_start_every_pair_begins_undecided(model_dir: Path, micro_tokens: int) -> None:
    made = run(model_dir, micro_tokens)
    made.refer(None)
    loss, count = made.accumulate(made.groups)
    assert loss == pytest.approx(torch.log(torch.tensor(2.0)).item(), abs=1e-6)
    assert count == 3 * len(PAIRS)


def test_the_reference_is_the_log_probability_under_the_given_model(model_dir: Path) -> None:
    other = train(
        model_dir,
        [SftExample(prompt=(1, 2), steps=(step(3, 4, 5),))],
        Sft(),
        settings(),
        model_dir.parent / "other",
    ).model
    made = run(model_dir, 1000)
    made.refer(other)
    model = load_model(other, dtype="float32", device="cpu")
    for group in made.groups:
        for row in group:
            with torch.no_grad():
                logp = model(torch.tensor([row.tokens])).logits[0].log_softmax(-1)
            expected = [
                logp[i - 1, row.tokens[i]].item() if weight else 0.0
                for i, weight in enumerate(row.weights)
            ]
            assert row.per_token["reference"] == pytest.approx(expected, abs=1e-5)


def test_pairs_are_averaged_over_the_step_however_it_is_cut(model_dir: Path) -> None:
    losses = []
    for micro_tokens in (1, 1000):
        made = run(model_dir, micro_tokens)
        made.refer(None)
        made.step()
        losses.append(made.accumulate(made.groups)[0])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert losses[0] < torch.log(torch.tensor(2.0)).item()


def test_entropies_of_distributions() -> None:
    logits = torch.tensor([[0.0, 0.0, 0.0, 0.0], [1.0, 2.0, -3.0, 0.5], [100.0, 0.0, 0.0, 0.0]])
    torch.testing.assert_close(entropies(logits), Categorical(logits=logits).entropy())


def test_the_trainer_gives_the_policys_entropy(model_dir: Path) -> None:
    seen: list[LossTokens] = []

    class Curious(Grpo):
        def loss(self, logp: torch.Tensor, batch: LossTokens) -> torch.Tensor:
            seen.append(batch)
            return super().loss(logp, batch)

    example = GroupAdvantageExample(
        prompt=(1, 2), steps=(step(3, 4),), group="g", reward=1.0, advantage=0.0
    )
    objective = Curious(entropy=1.0)
    model = load_model(model_dir, dtype="float32", device="cpu")
    with torch.no_grad():
        logits = model(torch.tensor([[1, 2, 3, 4]])).logits[0, 1:3]
    made = Run(model, [objective.sequences(example, None)], objective, settings())
    loss, _ = made.accumulate(made.groups)
    expected = Categorical(logits=logits).entropy()
    torch.testing.assert_close(
        seen[0].per_token["entropy"].detach(), expected, rtol=1e-4, atol=1e-5
    )
    assert loss == pytest.approx(-expected.mean().item(), rel=1e-4)
