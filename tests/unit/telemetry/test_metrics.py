import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cladeflow.errors import StoreError
from cladeflow.records import (
    Decision,
    Delta,
    EvalReport,
    ReportRow,
    Target,
    Verdict,
    Verifier,
    canonical_json,
)
from cladeflow.records.verdict import Outcome
from cladeflow.telemetry import (
    METRICS,
    Metrics,
    Spec,
    record_decision,
    record_outcomes,
    record_report,
    record_rewards,
    summarise_verdicts,
)
from cladeflow.telemetry.exposition import SampleCollector


@pytest.mark.parametrize("spec", METRICS.values(), ids=lambda spec: spec.name)
def test_every_metric_follows_the_naming_rules(spec: Spec) -> None:
    suffix = f"{spec.unit}_total" if spec.kind == "counter" else spec.unit
    assert spec.name.startswith("cladeflow_")
    assert re.fullmatch(r"[a-z]+(_[a-z]+)+", spec.name)
    assert spec.name.endswith(f"_{suffix}")
    assert re.fullmatch(r"[A-Z].+\.", spec.help)
    assert not {"generation", "gen", "task", "agent"} & set(spec.labels)


def test_counters_add_gauges_set_summaries_observe() -> None:
    metrics = Metrics()
    metrics.count("cladeflow_trajectories_total", 3)
    metrics.count("cladeflow_trajectories_total")
    metrics.gauge("cladeflow_kept_ratio", 0.5, role="actor")
    metrics.gauge("cladeflow_kept_ratio", 0.25, role="actor")
    metrics.observe("cladeflow_trajectory_tokens", 5)
    metrics.observe("cladeflow_trajectory_tokens", 15)
    assert metrics.to_json() == [
        {"name": "cladeflow_kept_ratio", "labels": {"role": "actor"}, "value": 0.25},
        {"name": "cladeflow_trajectories_total", "labels": {}, "value": 4},
        {"name": "cladeflow_trajectory_tokens", "labels": {}, "value": 20, "count": 2},
    ]
    assert metrics.value("cladeflow_trajectories_total") == 4
    assert metrics.value("cladeflow_tasks_total", env="reasoning", family="chain") == 0


def test_unknown_names_kinds_and_labels_are_refused() -> None:
    metrics = Metrics()
    with pytest.raises(ValueError, match="cladeflow_tokens_total is not a counter"):
        metrics.count("cladeflow_tokens_total")
    with pytest.raises(ValueError, match="cladeflow_kept_ratio is not a counter"):
        metrics.count("cladeflow_kept_ratio", role="actor")
    with pytest.raises(ValueError, match="has the labels"):
        metrics.gauge("cladeflow_stage_seconds", 1, generation="3")
    with pytest.raises(ValueError, match="has the labels"):
        metrics.gauge("cladeflow_kept_ratio", 1)
    with pytest.raises(ValueError, match="cannot go down"):
        metrics.count("cladeflow_trajectories_total", -1)
    assert metrics.to_json() == []


@given(
    shards=st.lists(
        st.tuples(st.integers(0, 9), st.floats(0, 1e9), st.integers(0, 99)), min_size=1, max_size=5
    )
)
def test_shards_merge_to_what_one_stage_would_have_recorded(
    shards: list[tuple[int, float, int]],
) -> None:
    whole = Metrics()
    for trajectories, peak, tokens in shards:
        shard = Metrics()
        shard.count("cladeflow_trajectories_total", trajectories)
        shard.gauge("cladeflow_stage_memory_peak_bytes", peak)
        shard.observe("cladeflow_trajectory_tokens", tokens)
        whole.merge(Metrics.from_json(canonical_json(shard.to_json()).encode()))
    assert whole.value("cladeflow_trajectories_total") == sum(s[0] for s in shards)
    assert whole.value("cladeflow_stage_memory_peak_bytes") == max(s[1] for s in shards)
    assert whole.value("cladeflow_trajectory_tokens") == sum(s[2] for s in shards)
    summary = next(s for s in whole.to_json() if s["name"] == "cladeflow_trajectory_tokens")
    assert summary["count"] == len(shards)


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        "7",
        "{}",
        "{}x",
        '[{"name": "unheard_of", "labels": {}, "value": 1}]',
        '[{"name": "cladeflow_stage_seconds", "labels": {"x": "y"}, "value": 1}]',
        '[{"name": "cladeflow_trajectory_tokens", "labels": {}, "value": 1}]',
    ],
)
def test_damaged_metrics_are_an_error(text: str) -> None:
    with pytest.raises(StoreError, match="no metrics that this version writes"):
        Metrics.from_json(text)


def test_a_report_becomes_gauges() -> None:
    row = ReportRow(
        suite="frontier", env="reasoning", family="all", split="heldout",
        metric="pass@4", value=0.4, lo=0.3, hi=0.5, n=400,
    )  # fmt: skip
    report = EvalReport(
        agent_id="a",
        baseline_id="b",
        suite="s",
        seeds=(0,),
        rows=(
            row,
            row.model_copy(update={"metric": "tokens", "value": 21, "lo": 20, "hi": 22}),
        ),
        deltas=(
            Delta(
                suite="frontier", family="all", metric="accuracy", delta=0.1, lo=0.05, hi=0.15,
                n=400, confidence=0.95,
            ),
        ),
        exploration={"entropy": 0.7, "distinct_correct": 2.5, "duplicates": 0.1},
    )  # fmt: skip
    metrics = Metrics()
    record_report(metrics, report)
    at = {"suite": "frontier", "family": "all"}
    assert metrics.value("cladeflow_score_ratio", metric="pass@4", **at) == 0.4
    assert metrics.value("cladeflow_score_lower_ratio", metric="pass@4", **at) == 0.3
    assert metrics.value("cladeflow_score_upper_ratio", metric="pass@4", **at) == 0.5
    assert metrics.value("cladeflow_answer_tokens", **at) == 21
    assert metrics.value("cladeflow_improvement_ratio", metric="accuracy", **at) == 0.1
    assert metrics.value("cladeflow_improvement_lower_ratio", metric="accuracy", **at) == 0.05
    assert metrics.value("cladeflow_improvement_upper_ratio", metric="accuracy", **at) == 0.15
    assert metrics.value("cladeflow_policy_entropy_nats") == 0.7
    assert metrics.value("cladeflow_distinct_correct_trajectories") == 2.5
    assert metrics.value("cladeflow_exploration_ratio", measure="duplicates") == 0.1


def test_a_decision_is_counted_by_outcome() -> None:
    metrics = Metrics()
    decision = Decision(
        agent_id="a", incumbent_id="b", gate="threshold_gate", outcome="pass", reasons=("x",)
    )
    record_decision(metrics, decision)
    labels = {"gate": "threshold_gate", "outcome": "pass"}
    assert metrics.value("cladeflow_gate_outcomes_total", **labels) == 1


def verdict(target: str, value: float, ok: bool | None = None, outcome: Outcome = "checked") -> Any:
    return Verdict(
        target=Target(id=target), value=value, ok=ok, outcome=outcome, by=Verifier(strategy="judge")
    )


def test_verdicts_are_counted_by_what_they_say() -> None:
    said = [
        verdict("a", 1.0, ok=True),
        verdict("b", 0.0, ok=False),
        verdict("c", 1.0),
        verdict("d", 0.9),
        verdict("e", 0.0, outcome="timeout"),
    ]
    metrics = Metrics()
    record_outcomes(metrics, said)
    record_rewards(metrics, said, {"a": "x", "c": "x", "b": "y", "d": "y", "e": "y"})
    summarise_verdicts(metrics)
    found = {
        s.labels["outcome"]: s.value for s in metrics.samples("cladeflow_verdict_outcomes_total")
    }
    assert found == {"ok": 2, "wrong": 2, "error": 0, "timeout": 1}
    [rewards] = metrics.samples("cladeflow_trajectory_reward")
    assert (rewards.value, rewards.observed) == (pytest.approx(2.9), 4)
    assert rewards.buckets == (0, 0, 1, 0, 0, 0, 3, 0)  # up to -1, -0.5, 0, 0.25, 0.5, 0.75, 1
    assert metrics.value("cladeflow_mean_reward", strategy="judge") == pytest.approx(0.725)
    assert metrics.value("cladeflow_unchecked_ratio", strategy="judge") == 0.2
    assert metrics.value("cladeflow_reward_groups_total", strategy="judge") == 2
    assert metrics.value("cladeflow_zero_variance_ratio", strategy="judge") == 0.5


def test_a_histogram_survives_its_json_and_merges() -> None:
    one, two = Metrics(), Metrics()
    for metrics, reward in ((one, 0.3), (two, 1.0)):
        metrics.observe("cladeflow_trajectory_reward", reward, strategy="judge")
    one.merge(Metrics.from_json(canonical_json(two.to_json())))
    [sample] = one.samples()
    assert (sample.value, sample.observed) == (1.3, 2)
    assert sample.buckets == (0, 0, 0, 0, 1, 0, 1, 0)


def test_what_is_observed_must_be_a_summary_or_a_histogram() -> None:
    with pytest.raises(ValueError, match="cladeflow_kept_ratio is not a summary"):
        Metrics().observe("cladeflow_kept_ratio", 1, role="actor")


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("accuracy on frontier rose by 2.0 points", "improvement"),
        ("forgetting: chain fell by 9.0 points", "forgetting"),
        ("6.0% of the answers on frontier could not be checked; at most 5.0% may be", "unchecked"),
        ("child and incumbent are the same agent: nothing changed", "identical"),
        ("safety: refusals is 0.2, its limit is 0.1", "safety"),
        ("exploration: entropy is 0.1, less than 50% of the incumbent's 0.3", "exploration"),
        ("re-test on the reserve: accuracy rose by 1.0 points", "retest"),
        ("waits for approval: cladeflow approve 0123456789ab", "approval"),
    ],
)
def test_reasons_are_counted_by_kind(reason: str, kind: str) -> None:
    metrics = Metrics()
    decision = Decision(
        agent_id="a", incumbent_id="b", gate="gate", outcome="fail", reasons=(reason,)
    )
    record_decision(metrics, decision)
    assert metrics.value("cladeflow_gate_reasons_total", gate="gate", reason=kind) == 1


def test_where_a_metric_has_a_label_of_its_own_it_counts() -> None:
    metrics = Metrics()
    metrics.count("cladeflow_quarantined_items_total", 2, stage="rollout")
    around = {"evolution": "e", "stage": "elsewhere"}
    [family] = SampleCollector(lambda: [(around, s) for s in metrics.samples()]).collect()
    [sample] = family.samples
    assert sample.labels == {"evolution": "e", "stage": "rollout"}
