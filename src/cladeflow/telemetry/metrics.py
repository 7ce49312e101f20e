"""Every metric that Cladeflow emits: name, kind, unit, labels and help, fixed here and once.

Prometheus naming: ``cladeflow_<what>_<unit>``, counters end in ``_total``, base units only, shares
are ratios between 0 and 1. No label ever holds a generation, a task or an agent: their number has
no bound. Renaming a metric breaks dashboards and alerts that others wrote, so names are only added.
"""

from math import inf

from cladeflow.telemetry.evolution_metrics import EVOLUTION
from cladeflow.telemetry.live_metrics import LIVE
from cladeflow.telemetry.spec import Spec, table

_SLICE = ("suite", "family", "metric")

STAGES = table(
    # what every stage spends
    Spec(
        "cladeflow_stage_seconds", "gauge", "seconds",
        "Wall time of the stage, in the attempt that was committed.", over="sum",
    ),
    Spec(
        "cladeflow_stage_model_seconds", "gauge", "seconds",
        "Wall time of the stage inside models: loading, prefill, decoding, scoring, training.",
        over="sum",
    ),
    Spec(
        "cladeflow_stage_cpu_seconds", "gauge", "seconds",
        "CPU time of the stage's process, all threads.", over="sum",
    ),
    Spec(
        "cladeflow_stage_memory_peak_bytes", "gauge", "bytes",
        "Largest resident set of the stage's process so far.", over="max",
    ),
    Spec(
        "cladeflow_wall_seconds_total", "counter", "seconds",
        "Wall time of committed work, shards committed by earlier attempts included.",
    ),
    Spec(
        "cladeflow_model_seconds_total", "counter", "seconds",
        "Wall time of committed work inside models.",
    ),
    Spec(
        "cladeflow_cpu_seconds_total", "counter", "seconds",
        "CPU time of committed work in the stages' processes, all threads.",
    ),
    Spec(
        "cladeflow_gpu_seconds_total", "counter", "seconds",
        "Wall time of committed work times the GPUs that its process holds.",
    ),
    Spec(
        "cladeflow_attempts_total", "counter", "attempts",
        "Times that the stage and its shards were begun, until each was committed.",
    ),
    Spec(
        "cladeflow_retries_total", "counter", "retries",
        "Times that the stage and its shards were begun again, because an attempt had died.",
    ),
    Spec(
        "cladeflow_read_bytes_total", "counter", "bytes",
        "Bytes read from the store, models left out.",
    ),
    Spec(
        "cladeflow_written_bytes_total", "counter", "bytes",
        "Bytes written to the store, models included.",
    ),
    Spec(
        "cladeflow_quarantined_items_total", "counter", "items",
        "Items of a stage left out because they fail alone.", ("stage",),
    ),
    # what flows through the stages
    Spec(
        "cladeflow_input_records_total", "counter", "records",
        "Records in the sets that the stage starts from, by type.", ("record",),
    ),
    Spec(
        "cladeflow_output_records_total", "counter", "records",
        "Records in the sets that the stage commits, by type.", ("record",),
    ),
    Spec("cladeflow_tasks_total", "counter", "tasks", "Tasks posed.", ("env", "family")),
    Spec(
        "cladeflow_task_level", "gauge", "level",
        "Mean level of the tasks posed, in the family's units of difficulty.", ("env", "family"),
    ),
    Spec("cladeflow_trajectories_total", "counter", "trajectories", "Trajectories sampled."),
    Spec(
        "cladeflow_truncated_trajectories_total", "counter", "trajectories",
        "Trajectories that a token or turn limit ended.",
    ),
    Spec(
        "cladeflow_generated_tokens_total", "counter", "tokens", "Tokens sampled.", ("role",)
    ),
    Spec(
        "cladeflow_prompt_tokens_total", "counter", "tokens",
        "Tokens put to a role's model, once per request.", ("role",),
    ),
    Spec(
        "cladeflow_generated_tokens_per_second", "gauge", "tokens_per_second",
        "Tokens sampled per second inside models.",
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
    Spec(
        "cladeflow_verdict_outcomes_total", "counter", "outcomes",
        "Verdicts by what they say: ok, wrong, error, timeout.", ("strategy", "outcome"),
    ),
    Spec(
        "cladeflow_unchecked_ratio", "gauge", "ratio",
        "Share of the verdicts that are an error or a timeout of the verifier.", ("strategy",),
    ),
    Spec(
        "cladeflow_trajectory_reward", "histogram", "reward",
        "Rewards of the trajectories whose check came to one.", ("strategy",),
        buckets=(-1.0, -0.5, 0.0, 0.25, 0.5, 0.75, 1.0, inf),
    ),
    Spec("cladeflow_mean_reward", "gauge", "reward", "Mean of the rewards.", ("strategy",)),
    Spec(
        "cladeflow_reward_groups_total", "counter", "groups",
        "Tasks with two rewards or more.", ("strategy",),
    ),
    Spec(
        "cladeflow_zero_variance_groups_total", "counter", "groups",
        "Tasks with two rewards or more, all of them equal.", ("strategy",),
    ),
    Spec(
        "cladeflow_zero_variance_ratio", "gauge", "ratio",
        "Share of the tasks with two rewards or more whose rewards are all equal.", ("strategy",),
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
    Spec(
        "cladeflow_loss_nats", "summary", "nats",
        "Loss per unit (token, or pair), one observation per optimiser step.",
        ("role", "objective"),
    ),
    Spec(
        "cladeflow_gradient_norm", "summary", "norm",
        "Global norm of the gradient before clipping, one observation per optimiser step.",
        ("role", "objective"),
    ),
    Spec(
        "cladeflow_kl_nats", "gauge", "nats",
        "Mean k3 estimate of KL(policy, other) per loss token of the last optimiser step; other is "
        "behaviour (what sampled) or reference, where the objective reads them.",
        ("role", "objective", "other"),
    ),
    Spec(
        "cladeflow_sample_age_generations", "summary", "generations",
        "Generations between the making of a sample and the update that learns from it.",
        ("role",),
    ),
    # evaluation and promotion
    Spec("cladeflow_score_ratio", "gauge", "ratio", "Score on held-out tasks.", _SLICE),
    Spec(
        "cladeflow_pass_at_k_gap_ratio", "gauge", "ratio",
        "What sampling k times finds beyond one sample: pass@k minus pass@1, on held-out tasks.",
        _SLICE[:2],
    ),
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
    Spec(
        "cladeflow_gate_reasons_total", "counter", "reasons",
        "Reasons of gate decisions by what they are about: improvement, retest, approval, "
        "identical, unchecked, forgetting, safety, contamination, exploration, cost.",
        ("gate", "reason"),
    ),
)  # fmt: skip

METRICS: dict[str, Spec] = {**STAGES, **EVOLUTION, **LIVE}
"""Every metric by name: of the stages' metrics.json, of the exporter, of a process at work."""
