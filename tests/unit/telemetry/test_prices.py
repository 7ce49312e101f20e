from pathlib import Path

import pytest

from cladeflow.errors import CladeflowError
from cladeflow.telemetry import Metrics
from cladeflow.telemetry.prices import Prices


def test_cost_is_seconds_and_tokens_times_prices() -> None:
    prices = Prices.model_validate(
        {"cpu_hour": 0.1, "gpu_hour": 4, "tokens": {"teacher": {"prompt": 1, "generated": 3}}}
    )
    metrics = Metrics()
    metrics.count("cladeflow_cpu_seconds_total", 7200)
    metrics.count("cladeflow_gpu_seconds_total", 900)
    for role in ("actor", "teacher"):  # the actor's seconds are paid, its tokens are not
        metrics.count("cladeflow_prompt_tokens_total", 500_000, role=role)
        metrics.count("cladeflow_generated_tokens_total", 2_000_000, role=role)
    assert prices.cost(metrics) == {"cpu": pytest.approx(0.2), "gpu": 1.0, "tokens": 6.5}
    assert Prices().cost(metrics) == {"cpu": 0, "gpu": 0, "tokens": 0}


def test_the_table_that_ships_has_a_price_for_time() -> None:
    assert Prices.read().cpu_hour > 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cpu_hour: -1", "cpu_hour"),
        ("cpu_hours: 1", "cpu_hours"),
        ("tokens: {teacher: 3}", "tokens.teacher"),
        ("[", "not YAML"),
        ("gpu_hour: .inf", "gpu_hour"),
    ],
)
def test_a_wrong_table_says_where(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text(text)
    with pytest.raises(CladeflowError, match=said):
        Prices.read(path)


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(CladeflowError, match=r"none\.yaml: No such file"):
        Prices.read(tmp_path / "none.yaml")
