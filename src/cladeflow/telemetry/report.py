"""An evaluation's report and a gate's decision as metrics."""

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
    _record_exploration(metrics, report.exploration)
    for measure, value in report.critique.items():
        metrics.gauge("cladeflow_critique_ratio", value, measure=measure)


def record_decision(metrics: Metrics, decision: Decision) -> None:
    """One outcome of one gate."""
    metrics.count("cladeflow_gate_outcomes_total", gate=decision.gate, outcome=decision.outcome)


def _record_exploration(metrics: Metrics, exploration: dict[str, float]) -> None:
    for measure, value in exploration.items():
        if measure == "entropy":
            metrics.gauge("cladeflow_policy_entropy_nats", value)
        elif measure == "distinct_correct":
            metrics.gauge("cladeflow_distinct_correct_trajectories", value)
        else:
            metrics.gauge("cladeflow_exploration_ratio", value, measure=measure)
