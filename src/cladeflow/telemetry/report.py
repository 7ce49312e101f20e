"""An evaluation's report and a gate's decision as metrics."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from cladeflow.records import Decision, EvalReport, Verdict
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
    "re-test": "retest",
    "waits for approval": "approval",
    "same agent": "identical",
    "could not be checked": "unchecked",
    **{
        f"{guardrail}:": guardrail
        for guardrail in ("forgetting", "safety", "contamination", "exploration", "cost")
    },
}
"""What a reason says, by words of its sentence; a label must not hold the sentence itself."""


def _kind(reason: str) -> str:
    return next((kind for words, kind in _KINDS.items() if words in reason), "improvement")


def record_outcomes(metrics: Metrics, verdicts: Iterable[Verdict]) -> None:
    """Verdicts by what they say; the checkers that came to none are counted apart."""
    for (by, said), total in Counter((v.by.strategy, _said(v)) for v in verdicts).items():
        for outcome in ("ok", "wrong", "error", "timeout"):  # a counter starts at 0
            of_it = total * (outcome == said)
            metrics.count("cladeflow_verdict_outcomes_total", of_it, strategy=by, outcome=outcome)


def _said(verdict: Verdict) -> str:
    if verdict.outcome != "checked":
        return verdict.outcome
    right = verdict.value >= 1 if verdict.ok is None else verdict.ok
    return "ok" if right else "wrong"


def record_rewards(metrics: Metrics, verdicts: Sequence[Verdict], group: Mapping[str, str]) -> None:
    """Rewards of one strategy, and of how many groups they are all equal.

    ``group`` maps a verdict's target to the task whose attempts are compared.
    """
    groups: dict[str, list[float]] = {}
    for verdict in verdicts:
        if verdict.outcome == "checked":
            by = verdict.by.strategy
            metrics.observe("cladeflow_trajectory_reward", verdict.value, strategy=by)
            if verdict.target.id in group:
                groups.setdefault(group[verdict.target.id], []).append(verdict.value)
    compared = [rewards for rewards in groups.values() if len(rewards) > 1]
    if compared:
        by = verdicts[0].by.strategy
        equal = sum(len(set(rewards)) == 1 for rewards in compared)
        metrics.count("cladeflow_reward_groups_total", len(compared), strategy=by)
        metrics.count("cladeflow_zero_variance_groups_total", equal, strategy=by)


def summarise_verdicts(metrics: Metrics) -> None:
    """Shares and means over everything that the shards of a stage have counted."""
    for sample in list(metrics.samples("cladeflow_trajectory_reward")):
        mean = sample.value / sample.observed
        metrics.gauge("cladeflow_mean_reward", mean, **sample.labels)
    for sample in list(metrics.samples("cladeflow_reward_groups_total")):
        equal = metrics.value("cladeflow_zero_variance_groups_total", **sample.labels)
        metrics.gauge("cladeflow_zero_variance_ratio", equal / sample.value, **sample.labels)
    totals: dict[str, dict[str, float]] = {}
    for sample in metrics.samples("cladeflow_verdict_outcomes_total"):
        totals.setdefault(sample.labels["strategy"], {})[sample.labels["outcome"]] = sample.value
    for strategy, found in totals.items():
        lost = (found["error"] + found["timeout"]) / sum(found.values())
        metrics.gauge("cladeflow_unchecked_ratio", lost, strategy=strategy)
