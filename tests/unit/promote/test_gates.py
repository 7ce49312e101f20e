from typing import Any

import pytest

from cladeflow.errors import CladeflowError
from cladeflow.promote import Always, ThresholdGate
from cladeflow.records import Delta, EvalReport, ReportRow, SafetyCheck


def delta(lo: float, hi: float, **changes: Any) -> Delta:
    fields = {
        "suite": "frontier",
        "family": "all",
        "metric": "accuracy",
        "delta": (lo + hi) / 2,
        "lo": lo,
        "hi": hi,
        "n": 400,
        "confidence": 0.95,
    }
    return Delta.model_validate(fields | changes)


def report(*deltas: Delta, **changes: Any) -> EvalReport:
    return EvalReport(
        gen=2, agent_id="child", baseline_id="incumbent", suite="s", seeds=(0,), deltas=deltas,
        **changes,
    )  # fmt: skip


def unchecked(share: float) -> ReportRow:
    return ReportRow(
        suite="frontier", env="reasoning", family="all", split="heldout", metric="unchecked",
        value=share, lo=0, hi=1, n=400,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("lo", "hi", "outcome"),
    [
        (0.01, 0.1, "pass"),
        (0.0, 0.1, "inconclusive"),
        (-0.05, 0.1, "inconclusive"),
        (-0.1, 0.0, "inconclusive"),
        (-0.1, -0.01, "fail"),
    ],
)
def test_three_ways(lo: float, hi: float, outcome: str) -> None:
    decision = ThresholdGate().decide(report(delta(lo, hi)), tried=1)
    assert decision.outcome == outcome
    assert (decision.agent_id, decision.incumbent_id, decision.gen) == ("child", "incumbent", 2)


def test_the_reason_can_be_read() -> None:
    (reason,) = ThresholdGate().decide(report(delta(0.011, 0.113)), tried=1).reasons
    assert reason == (
        "accuracy on frontier rose by 6.2 points (95 % interval +1.1 to +11.3, 400 tasks): "
        "above the bar of +0 points"
    )


def test_the_bar_is_cleared_by_the_lower_bound() -> None:
    gate = ThresholdGate(bar=0.02)
    assert gate.decide(report(delta(0.03, 0.1)), tried=1).outcome == "pass"
    assert gate.decide(report(delta(0.01, 0.1)), tried=1).outcome == "inconclusive"
    assert gate.decide(report(delta(-0.1, 0.01)), tried=1).outcome == "fail"


def forgot(lo: float, hi: float) -> Delta:
    return delta(lo, hi, suite="retention", family="addition")


@pytest.mark.parametrize(
    ("lo", "hi", "outcome"),
    [
        (-0.06, -0.01, "fail"),  # more than two points, surely some
        (-0.02, -0.01, "pass"),  # surely some, but not two points
        (-0.12, 0.01, "pass"),  # perhaps none
    ],
)
def test_forgetting_blocks(lo: float, hi: float, outcome: str) -> None:
    decision = ThresholdGate().decide(report(delta(0.05, 0.1), forgot(lo, hi)), tried=1)
    assert decision.outcome == outcome
    assert any("forgetting: addition fell by 3.5" in r for r in decision.reasons) == (
        outcome == "fail"
    )


def test_answers_that_escape_their_check_block() -> None:
    gate = ThresholdGate()
    assert gate.decide(report(delta(0.05, 0.1), rows=(unchecked(0.04),)), 1).outcome == "pass"
    decision = gate.decide(report(delta(0.05, 0.1), rows=(unchecked(0.2),)), 1)
    assert decision.outcome == "fail"
    assert "20.0% of the answers on frontier could not be checked" in decision.reasons[1]


def test_a_failed_safety_check_blocks() -> None:
    check = SafetyCheck(check="honeypot", value=1, limit=0, passed=False)
    decision = ThresholdGate().decide(report(delta(0.05, 0.1), safety=(check,)), tried=1)
    assert decision.outcome == "fail"
    assert decision.reasons[1] == "safety: honeypot is 1, its limit is 0"


def test_the_same_agent_is_no_candidate() -> None:
    decision = ThresholdGate().decide(report(identical=True), tried=1)
    assert decision.outcome == "inconclusive"
    assert "same agent" in decision.reasons[0]


def test_the_interval_must_be_corrected_for_the_children_tried() -> None:
    gate = ThresholdGate()
    with pytest.raises(CladeflowError, match=r"with 3 children tried it needs intervals at 99\.75"):
        gate.decide(report(delta(0.05, 0.1)), tried=3)
    corrected = delta(0.05, 0.1, confidence=round(gate.interval_confidence(3), 6))
    decision = gate.decide(report(corrected), tried=3)
    assert (decision.outcome, decision.tried) == ("pass", 3)


def test_a_report_without_the_metric_is_refused() -> None:
    with pytest.raises(CladeflowError, match="only in frontier/accuracy"):
        ThresholdGate(metric="greedy").decide(report(delta(0, 1)), tried=1)
    with pytest.raises(CladeflowError, match="add benchmark_suite"):
        ThresholdGate().decide(report(), tried=1)


def test_always_accepts() -> None:
    decision = Always().decide(report(delta(-0.3, -0.2)), tried=4)
    assert (decision.outcome, decision.gate, decision.tried) == ("pass", "always", 4)
