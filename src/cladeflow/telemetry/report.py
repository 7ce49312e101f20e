"""An evaluation's report and a gate's decision as metrics."""

from collections.abc import Iterator, Mapping

from cladeflow.records import Decision, EvalReport
from cladeflow.telemetry.collector import Metrics


def record_report(metrics: Metrics, report: EvalReport) -> None:
    """Scores, improvements and exploration of one report."""
    for row in report.rows:
        at = {"suite": row.suite, "family": row.family}
        if row.metric == "tokens":
            metrics.gauge("cladeflow_answer_tokens", row.value, **at)
            continue
        at["metric"] = row.metric
        metrics.gauge("cladeflow_score_ratio", row.value, **at)
        metrics.gauge("cladeflow_score_lower_ratio", row.lo, **at)
        metrics.gauge("cladeflow_score_upper_ratio", row.hi, **at)
    for delta in report.deltas:
        if delta.metric == "tokens":  # no ratio; the rows of both agents tell as much
            continue
        at = {"suite": delta.suite, "family": delta.family, "metric": delta.metric}
        metrics.gauge("cladeflow_improvement_ratio", delta.delta, **at)
        metrics.gauge("cladeflow_improvement_lower_ratio", delta.lo, **at)
        metrics.gauge("cladeflow_improvement_upper_ratio", delta.hi, **at)
    for suite, family, gap in _gaps(report):
        metrics.gauge("cladeflow_pass_at_k_gap_ratio", gap, suite=suite, family=family)
    record_exploration(metrics, report.exploration)
    for measure, value in report.critique.items():
        metrics.gauge("cladeflow_critique_ratio", value, measure=measure)


def record_decision(metrics: Metrics, decision: Decision) -> None:
    """One outcome of one gate, and its reasons by kind."""
    metrics.count("cladeflow_gate_outcomes_total", gate=decision.gate, outcome=decision.outcome)
    for reason in decision.reasons:
        metrics.count("cladeflow_gate_reasons_total", gate=decision.gate, reason=_kind(reason))


def record_exploration(metrics: Metrics, exploration: Mapping[str, float]) -> None:
    """Diversity and signal of the rollouts that an agent was trained on."""
    for measure, value in exploration.items():
        if measure == "entropy":
            metrics.gauge("cladeflow_policy_entropy_nats", value)
        elif measure == "distinct_correct":
            metrics.gauge("cladeflow_distinct_correct_trajectories", value)
        else:
            metrics.gauge("cladeflow_exploration_ratio", value, measure=measure)


def _gaps(report: EvalReport) -> Iterator[tuple[str, str, float]]:
    """pass@k - pass@1 by suite and family, wherever both were measured."""
    single = {(row.suite, row.family): row.value for row in report.rows if row.metric == "sampled"}
    for row in report.rows:
        if row.metric.startswith("pass@") and (row.suite, row.family) in single:
            yield row.suite, row.family, row.value - single[row.suite, row.family]


_KINDS = {
    "forgetting:": "forgetting",
    "safety:": "safety",
    "could not be checked": "unchecked",
    "same agent": "identical",
}
"""What a reason says, by words of its sentence; a label must not hold the sentence itself."""


def _kind(reason: str) -> str:
    return next((kind for words, kind in _KINDS.items() if words in reason), "improvement")
