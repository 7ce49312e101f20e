"""How often does the gate promote children that are no better? See docs/statistics.md."""

import numpy as np
import pytest

from benchmarks.gates.calibration import Suite, graded, promoted, upper_bound
from cladeflow.evaluate.power import detectable, passing, power
from cladeflow.evaluate.statistics import corrected_confidence
from cladeflow.promote import ThresholdGate


@pytest.mark.parametrize("discordance", [0.05, 0.2, 0.4])
def test_ten_children_without_improvement_rarely_promote(discordance: float) -> None:
    """The exact test over 2,000 evolutions; `python -m benchmarks.gates` has the bootstrap."""
    hits = promoted(Suite("mcnemar", 400), discordance, trials=2_000)
    assert upper_bound(int(hits.sum()), len(hits)) <= 0.05


@pytest.mark.parametrize("discordance", [0.05, 0.2, 0.4])
def test_the_bootstrap_stays_within_its_error(discordance: float) -> None:
    hits = promoted(Suite("bootstrap", 100), discordance, trials=400, children=3)
    assert hits.mean() <= 0.05
    none_promotes = np.prod(
        [
            1
            - power("bootstrap", tasks=100, discordance=discordance, improvement=0.0, confidence=c)
            for c in (corrected_confidence(0.95, k) for k in (1, 2, 3))
        ]
    )
    assert hits.mean() == pytest.approx(1 - none_promotes, abs=0.03)


def test_equal_answers_are_never_promoted() -> None:
    assert not promoted(Suite("bootstrap", 100), 0.0, trials=10).any()
    assert not promoted(Suite("mcnemar", 100), 0.0, trials=10).any()


def test_graded_scores_err_no_more_often() -> None:
    assert graded(0.2, tasks=50, samples=4, trials=60).mean() <= 0.1


def test_upper_bound_by_hand() -> None:
    """No hit in n trials is as likely as 1 % at p = 1 - 0.01^(1/n)."""
    assert upper_bound(0, 10) == pytest.approx(1 - 0.01**0.1)
    assert upper_bound(10, 10) == 1


def test_power_of_one_task_and_of_mcnemar_by_hand() -> None:
    """Six tasks that all differ, all won by the child with 0.9^6: p = 1/64, at most 2.5 %."""
    found = power("mcnemar", tasks=6, discordance=1.0, improvement=0.8, confidence=0.95)
    assert found == pytest.approx(0.9**6)
    assert power("mcnemar", tasks=5, discordance=1.0, improvement=1.0, confidence=0.95) == 0
    assert power("both", tasks=6, discordance=1.0, improvement=0.8, confidence=0.95) <= found


def test_the_normal_rule_of_power_is_that_of_the_gate() -> None:
    """Away from the border by more than a task."""
    allowed = passing("bootstrap", 200, 0.95)
    for losses in (2, 10, 30):
        border = int(np.argmax(allowed[:, losses]))
        assert ThresholdGate().interval_confidence(1) == 0.95
        assert Suite("bootstrap", 200).passes(border + 2, losses, tried=1)
        assert not Suite("bootstrap", 200).passes(border - 2, losses, tried=1)


def test_what_is_detectable_has_the_power_asked_for() -> None:
    how = {"tasks": 200, "discordance": 0.2, "confidence": 0.95}
    least = detectable("bootstrap", **how)  # type: ignore[arg-type]
    assert least is not None
    assert power("bootstrap", improvement=least, **how) >= 0.8  # type: ignore[arg-type]
    assert power("bootstrap", improvement=least - 0.001, **how) < 0.8  # type: ignore[arg-type]
    assert detectable("bootstrap", tasks=20, discordance=0.05, confidence=0.95) is None
