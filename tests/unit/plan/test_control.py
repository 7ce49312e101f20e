"""fixed: settings by generation, known beforehand."""

from typing import Any

import pytest

from cladeflow.errors import RecipeError
from cladeflow.plan.control import Fixed
from cladeflow.recipes.parse import parse_entry


def test_by_default_nothing_changes() -> None:
    assert Fixed().settings(1, {}) == {}


def test_a_schedule_gives_one_value_per_generation_and_keeps_the_last() -> None:
    control = Fixed(schedule={"temperature": (1.0, 0.7), "threshold": (0.5,), "loss_tokens": ()})
    assert [control.settings(gen, {"entropy": 1.0}) for gen in (1, 2, 3)] == [
        {"temperature": 1.0, "threshold": 0.5},
        {"temperature": 0.7, "threshold": 0.5},
        {"temperature": 0.7, "threshold": 0.5},
    ]


def test_the_schedule_survives_the_plan() -> None:
    control = Fixed(schedule={"temperature": (1.0, 0.7)})
    assert Fixed.from_options(control.model_dump(mode="json")) == control


@pytest.mark.parametrize(
    ("schedule", "problem"),
    [
        ({"epoch_factor": [3]}, "epoch_factor.*'epochs_factor'"),
        ({"epochs_factor": [3, 0]}, "epochs_factor: 0 is not above 0"),
        ({"loss_tokens": [-5]}, "loss_tokens: -5 is not above 0"),
        ({"loss_tokens": [1000, 1.5]}, "loss_tokens: tokens are whole numbers"),
    ],
)
def test_a_setting_that_nothing_reads_or_that_cannot_be_is_refused(
    schedule: dict[str, Any], problem: str
) -> None:
    with pytest.raises(RecipeError, match=f"^mine.yaml: control.fixed.*{problem}"):
        parse_entry({"fixed": {"schedule": schedule}}, "control", "mine.yaml: control")
