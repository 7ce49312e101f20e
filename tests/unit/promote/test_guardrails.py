"""Guardrails against reports made by hand, and the metrics that gates decide on."""

from typing import Any

import pytest
from pydantic import ValidationError

from cladeflow.errors import CladeflowError, RecipeError
from cladeflow.promote import ThresholdGate
from cladeflow.recipes.fit import check_fit
from cladeflow.recipes.parse import parse_recipe
from cladeflow.records import Contamination, Decision, Delta, EvalReport, Gap, ReportRow

FIELDS = {"suite": "frontier", "family": "all", "n": 400, "confidence": 0.95}


def delta(metric: str = "accuracy", change: float = 0.1, **fields: Any) -> Delta:
    bounds = {"delta": change, "lo": change - 0.05, "hi": change + 0.05}
    return Delta.model_validate({**FIELDS, **bounds, "metric": metric, **fields})


def report(*deltas: Delta, **fields: Any) -> EvalReport:
    return EvalReport(
        agent_id="child", baseline_id="incumbent", suite="s", seeds=(0,), deltas=deltas, **fields
    )


def decided(options: dict[str, Any], *deltas: Delta, **fields: Any) -> Decision:
    gate = ThresholdGate.from_options(options)
    return gate.decide(report(*(deltas or (delta(),)), **fields), tried=1)


def tokens(value: float) -> ReportRow:
    return ReportRow(
        suite="frontier", env="reasoning", family="all", split="heldout", metric="tokens",
        value=value, lo=0, hi=0, n=400,
    )  # fmt: skip


@pytest.mark.parametrize(("entropy", "outcome"), [(0.41, "pass"), (0.39, "fail")])
def test_exploration_keeps_its_share_of_the_incumbents(entropy: float, outcome: str) -> None:
    guard = {"guardrails": {"exploration": {"measure": "entropy", "keep": 0.8}}}
    decision = decided(
        guard, exploration={"entropy": entropy}, baseline_exploration={"entropy": 0.5}
    )
    assert decision.outcome == outcome
    if outcome == "fail":
        assert "entropy is 0.39, less than 80% of the incumbent's 0.5" in decision.reasons[1]


def test_exploration_of_an_initial_incumbent_is_not_known_and_that_of_the_child_must_be() -> None:
    guard = {"guardrails": {"exploration": {}}}
    assert decided(guard, exploration={"entropy": 0.01}).outcome == "pass"
    decision = decided(guard, baseline_exploration={"entropy": 0.5})
    assert decision.outcome == "fail"
    assert "was not measured" in decision.reasons[1]


@pytest.mark.parametrize(("more", "outcome"), [(9, "pass"), (11, "fail")])
def test_cost_is_measured_against_the_incumbents(more: float, outcome: str) -> None:
    guard = {"guardrails": {"cost": {"ratio": 1.5}}}
    decision = decided(guard, delta(), delta("tokens", more), rows=(tokens(20 + more),))
    assert decision.outcome == outcome
    if outcome == "fail":
        assert "31.0 tokens per answer on frontier, more than 1.5 times" in decision.reasons[1]


def test_contamination_blocks_where_a_probe_looked() -> None:
    assert decided({}).outcome == "pass"
    assert decided({}, contamination=Contamination(auc=0.6)).outcome == "pass"
    leaked = Contamination(auc=0.8, flagged=("a", "b"))
    assert "AUC of 0.80 (2 tasks flagged)" in decided({}, contamination=leaked).reasons[1]
    off = {"guardrails": {"contamination": None}}
    assert decided(off, contamination=leaked).outcome == "pass"


def test_a_family_that_could_not_be_compared_counts_as_forgotten() -> None:
    gap = Gap(suite="retention", family="chain", metric="accuracy")
    decision = decided({}, gaps=(gap,))
    assert decision.outcome == "fail"
    assert "no answer to a task of chain could be compared" in decision.reasons[1]


def test_a_metric_that_could_not_be_compared_is_inconclusive() -> None:
    gap = Gap(suite="frontier", family="all", metric="accuracy")
    decision = decided({}, delta("greedy"), gaps=(gap,))
    assert decision.outcome == "inconclusive"
    assert "no task of frontier has a verdict for both agents" in decision.reasons[0]


def greedy(wins: int, losses: int, **fields: Any) -> Delta:
    return delta("greedy", (wins - losses) / 400, wins=wins, losses=losses, **fields)


@pytest.mark.parametrize(
    ("wins", "losses", "outcome"),
    [(10, 2, "pass"), (9, 2, "inconclusive"), (2, 9, "inconclusive"), (2, 10, "fail")],
)
def test_mcnemar_decides_three_ways(wins: int, losses: int, outcome: str) -> None:
    """P(X >= 10 of 12) = 79 / 4096 = 1.9 %, P(X >= 9 of 11) = 67 / 2048 = 3.3 %; level 2.5 %."""
    decision = decided({"metric": "greedy", "test": "mcnemar"}, greedy(wins, losses))
    assert decision.outcome == outcome
    assert f"{wins} tasks won, {losses} lost" in decision.reasons[0]


def test_both_tests_must_pass() -> None:
    both = {"metric": "greedy", "test": "both"}
    assert decided(both, greedy(10, 2, lo=0.001)).outcome == "pass"
    assert decided(both, greedy(10, 2, lo=-0.001)).outcome == "inconclusive"
    assert decided(both, greedy(9, 2, lo=0.001)).outcome == "inconclusive"
    assert len(decided(both, greedy(10, 2)).reasons) == 2


def test_mcnemar_takes_no_bar_and_no_graded_metric() -> None:
    with pytest.raises(ValidationError, match="compares with no bar but 0"):
        ThresholdGate(test="mcnemar", bar=0.01)
    with pytest.raises(CladeflowError, match="not right or wrong per task"):
        decided({"test": "mcnemar"})


@pytest.mark.parametrize(
    ("promote", "evaluate", "reason"),
    [
        (
            {"threshold_gate": {"metric": "verdict_f1"}},
            ["critique_eval"],
            r"needs the difference to the incumbent in frontier/verdict_f1.* critique/verdict_f1",
        ),
        ("threshold_gate", ["exploration_monitor"], r"frontier/accuracy.*they measure none"),
        (
            {"threshold_gate": {"test": "both"}},
            ["benchmark_suite"],
            r"right or wrong per task in frontier/accuracy.*they measure frontier/greedy",
        ),
        (
            {"threshold_gate": {"guardrails": {"exploration": {"measure": "entropi"}}}},
            ["benchmark_suite", "exploration_monitor"],
            r"the exploration entropi.*they measure distinct_correct, entropy",
        ),
    ],
)
def test_a_gate_that_nothing_is_measured_for_is_refused(
    promote: Any, evaluate: list[str], reason: str
) -> None:
    raw = {"name": "x", "environments": ["reasoning"], "promote": promote, "evaluate": evaluate}
    with pytest.raises(RecipeError, match=reason):
        check_fit(parse_recipe(raw, "x.yaml"), "x.yaml")


def test_a_gate_may_decide_on_a_critic() -> None:
    gate = {"threshold_gate": {"suite": "critique", "metric": "verdict_f1"}}
    raw = {"name": "x", "environments": ["reasoning"], "promote": gate, "evaluate": "critique_eval"}
    check_fit(parse_recipe(raw, "x.yaml"), "x.yaml")
    better = delta("verdict_f1", 0.1, suite="critique")
    assert decided(gate["threshold_gate"], better).outcome == "pass"
