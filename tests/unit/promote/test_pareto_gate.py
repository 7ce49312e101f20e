"""pareto_gate against reports made by hand."""

from typing import Any

import pytest

from cladeflow.errors import CladeflowError
from cladeflow.promote import ParetoGate
from cladeflow.records import Decision, Delta, EvalReport

OBJECTIVES = ("worst_decile", "median_family", "mean_family", "tokens")


def delta(metric: str, lo: float, hi: float, family: str = "all", at: float = 0.99) -> Delta:
    return Delta(
        suite="frontier", family=family, metric=metric, delta=(lo + hi) / 2, lo=lo, hi=hi, n=400,
        confidence=at,
    )  # fmt: skip


def decided(*more: Delta, tried: int = 1, **bounds: tuple[float, float]) -> Decision:
    """Objectives that are not given lie between -0.1 and 0.1."""
    deltas = [delta(name, *bounds.get(name, (-0.1, 0.1))) for name in OBJECTIVES]
    report = EvalReport(
        agent_id="child", baseline_id="incumbent", suite="s", seeds=(0,), deltas=(*deltas, *more)
    )
    return ParetoGate().decide(report, tried)


@pytest.mark.parametrize(
    ("bounds", "outcome", "reason"),
    [
        ({}, "inconclusive", "neither better nor worse for certain"),
        ({"worst_decile": (0.01, 0.2)}, "pass", "better: worst_decile on frontier rose by 10.5"),
        ({"tokens": (-9.0, -1.0)}, "pass", "better: saves 5.0 tokens per answer (+1.0 to +9.0)"),
        ({"tokens": (1.0, 9.0)}, "fail", "worse: takes 5.0 tokens per answer"),
        (
            {"mean_family": (0.1, 0.2), "worst_decile": (-0.3, -0.2)},
            "fail",
            "worse: worst_decile on frontier fell by 25.0",
        ),
    ],
)
def test_better_somewhere_and_worse_nowhere(bounds: Any, outcome: str, reason: str) -> None:
    decision = decided(**bounds)
    assert decision.outcome == outcome
    assert decision.reasons[0].startswith(reason)


def test_a_single_family_that_falls_blocks() -> None:
    fell = delta("accuracy", -0.3, -0.1, family="chain")
    decision = decided(fell, worst_decile=(0.01, 0.2))
    assert decision.outcome == "fail"
    assert decision.reasons[0].startswith("worse: chain fell by 20.0 points")
    assert decided(delta("accuracy", -0.3, 0.1, family="chain")).outcome == "inconclusive"


def test_intervals_are_corrected_for_objectives_and_children() -> None:
    gate = ParetoGate()
    assert gate.interval_confidence(1) == pytest.approx(1 - 0.05 / 4)
    assert gate.interval_confidence(2) == pytest.approx(1 - 0.05 / 4 * 0.3 / 2)
    with pytest.raises(CladeflowError, match=r"pareto_gate: with 2 children tried"):
        decided(tried=2)


def test_the_same_agent_is_no_candidate() -> None:
    report = EvalReport(agent_id="c", baseline_id="i", suite="s", seeds=(0,), identical=True)
    assert ParetoGate().decide(report, 1).outcome == "inconclusive"
