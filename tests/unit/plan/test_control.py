"""fixed: settings by generation, known beforehand."""

from cladeflow.plan.control import Fixed


def test_by_default_nothing_changes() -> None:
    assert Fixed().settings(1, {}) == {}


def test_a_schedule_gives_one_value_per_generation_and_keeps_the_last() -> None:
    control = Fixed(schedule={"temperature": (1.0, 0.7), "threshold": (0.5,), "empty": ()})
    assert [control.settings(gen, {"entropy": 1.0}) for gen in (1, 2, 3)] == [
        {"temperature": 1.0, "threshold": 0.5},
        {"temperature": 0.7, "threshold": 0.5},
        {"temperature": 0.7, "threshold": 0.5},
    ]


def test_the_schedule_survives_the_plan() -> None:
    control = Fixed(schedule={"temperature": (1.0, 0.7)})
    assert Fixed.from_options(control.model_dump(mode="json")) == control
