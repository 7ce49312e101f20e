"""A budget of loss tokens in place of a number of epochs."""

from pathlib import Path

import pytest

from cladeflow.fine_tune import Sft, TrainSettings
from cladeflow.fine_tune.trainer import train
from cladeflow.records import SftExample, Step

EXAMPLES = [
    SftExample(prompt=(3,), steps=(Step(i=0, text="", tokens=tuple(range(4, 4 + length))),))
    for length in (4, 5, 6, 5, 4, 6, 5, 5)
]  # 40 loss tokens


@pytest.mark.parametrize("budget", [10, 40, 100])
def test_a_budget_decides_how_often_examples_are_seen(model_dir: Path, budget: int) -> None:
    settings = TrainSettings(
        learning_rate=0.01, token_batch=30, epochs=7, seed="s", loss_tokens=budget
    )
    result = train(model_dir, EXAMPLES, Sft(), settings, model_dir.parent / "out")
    assert result.loss_tokens == pytest.approx(budget, abs=6)
