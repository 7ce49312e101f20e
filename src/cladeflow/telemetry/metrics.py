"""Every metric that Cladeflow emits: name, kind, unit, labels and help, fixed here and once.

Prometheus naming: ``cladeflow_<what>_<unit>``, counters end in ``_total``, base units only, shares
are ratios between 0 and 1. No label ever holds a generation, a task or an agent: their number has
no bound. Renaming a metric breaks dashboards and alerts that others wrote, so names are only added.
"""

from typing import Literal, NamedTuple

Kind = Literal["counter", "gauge", "summary"]
Unit = Literal[
    "bytes", "examples", "groups", "items", "nats", "outcomes", "ratio", "seconds", "tasks",
    "tokens", "trajectories", "verdicts",
]  # fmt: skip


class Spec(NamedTuple):
    """One metric. A summary keeps the sum and the count of what is observed."""

    name: str
    kind: Kind
    unit: Unit
    help: str
    labels: tuple[str, ...] = ()


_SLICE = ("suite", "family", "metric")

METRICS: dict[str, Spec] = {
    spec.name: spec
    for spec in (
        # what every stage spends
        Spec("cladeflow_stage_seconds", "gauge", "seconds", "Wall time of the stage."),
        Spec(
            "cladeflow_stage_model_seconds", "gauge", "seconds",
            "Wall time of the stage inside models: loading, prefill, decoding, scoring, training.",
        ),
        Spec(
            "cladeflow_stage_cpu_seconds", "gauge", "seconds",
            "CPU time of the stage's process, all threads.",
        ),
        Spec(
            "cladeflow_stage_memory_peak_bytes", "gauge", "bytes",
            "Largest resident set of the stage's process so far.",
        ),
        Spec(
            "cladeflow_quarantined_items_total", "counter", "items",
            "Items of a stage left out because they fail alone.", ("stage",),
        ),
        # what flows through the stages
        Spec("cladeflow_tasks_total", "counter", "tasks", "Tasks posed.", ("env", "family")),
        Spec("cladeflow_trajectories_total", "counter", "trajectories", "Trajectories sampled."),
        Spec(
            "cladeflow_truncated_trajectories_total", "counter", "trajectories",
            "Trajectories that a token or turn limit ended.",
        ),
        Spec(
            "cladeflow_generated_tokens_total", "counter", "tokens", "Tokens sampled.", ("role",)
        ),
        Spec("cladeflow_trajectory_tokens", "summary", "tokens", "Tokens sampled per trajectory."),
        Spec(
            "cladeflow_verdicts_total", "counter", "verdicts",
            "Verdicts by outcome: checked, error, timeout.", ("strategy", "outcome"),
        ),
        Spec(
            "cladeflow_positive_trajectories_total", "counter", "trajectories",
            "Trajectories judged right.", ("strategy",),
        ),
        # fine-tuning
        Spec("cladeflow_examples_total", "counter", "examples", "Examples built.", ("role",)),
        Spec(
            "cladeflow_contaminated_examples_total", "counter", "examples",
            "Examples left out because they contain or descend from a held-out task.",
            ("reason",),
        ),
        Spec(
            "cladeflow_kept_ratio", "gauge", "ratio",
            "Share of the trajectories seen that became examples.", ("role",),
        ),
        Spec(
            "cladeflow_dropped_groups_total", "counter", "groups",
            "Groups of attempts that a builder left out, by reason.", ("role", "reason"),
        ),
        Spec(
            "cladeflow_trained_tokens_total", "counter", "tokens",
            "Loss tokens trained on, every epoch counted.", ("role",),
        ),
        Spec(
            "cladeflow_loss_first_nats", "gauge", "nats",
            "Loss per unit (token, or pair) at the first optimiser step.", ("role", "objective"),
        ),
        Spec(
            "cladeflow_loss_last_nats", "gauge", "nats",
            "Loss per unit (token, or pair) at the last optimiser step.", ("role", "objective"),
        ),
        # evaluation and promotion
        Spec("cladeflow_score_ratio", "gauge", "ratio", "Score on held-out tasks.", _SLICE),
        Spec("cladeflow_score_lower_ratio", "gauge", "ratio", "Its lower 95 % bound.", _SLICE),
        Spec("cladeflow_score_upper_ratio", "gauge", "ratio", "Its upper 95 % bound.", _SLICE),
        Spec("cladeflow_answer_tokens", "gauge", "tokens", "Mean tokens of an answer.", _SLICE[:2]),
        Spec(
            "cladeflow_improvement_ratio", "gauge", "ratio",
            "Paired difference to the incumbent.", _SLICE,
        ),
        Spec(
            "cladeflow_improvement_lower_ratio", "gauge", "ratio",
            "Lower bound of the difference at the gate's confidence.", _SLICE,
        ),
        Spec(
            "cladeflow_improvement_upper_ratio", "gauge", "ratio",
            "Upper bound of the difference at the gate's confidence.", _SLICE,
        ),
        Spec(
            "cladeflow_policy_entropy_nats", "gauge", "nats",
            "Token entropy of the rollouts at their sampling temperature.",
        ),
        Spec(
            "cladeflow_distinct_correct_trajectories", "gauge", "trajectories",
            "Different correct solutions per task in the rollouts.",
        ),
        Spec(
            "cladeflow_exploration_ratio", "gauge", "ratio",
            "Shares that tell exploration from collapse, by measure.", ("measure",),
        ),
        Spec(
            "cladeflow_critique_ratio", "gauge", "ratio",
            "How well the critic judges, and what its critiques change, by measure.", ("measure",),
        ),
        Spec(
            "cladeflow_gate_outcomes_total", "counter", "outcomes",
            "Gate decisions by outcome: pass, fail, inconclusive.", ("gate", "outcome"),
        ),
    )
}  # fmt: skip
