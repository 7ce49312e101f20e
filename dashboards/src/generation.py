"""What the newest finished generation did, stage by stage."""

from dashboards.src.board import Board, Panel, Query, Row, line, of

_AT = "{{stage}} {{round}}"


def _each(metric: str) -> Query:
    """The mean of a summary's observations so far."""
    total, count = of(f"{metric}_sum"), of(f"{metric}_count")
    return Query(f"sum by (role) ({total}) / sum by (role) ({count})", "{{role}}")


GENERATION = Board(
    "cladeflow-generation",
    "Cladeflow / Generation detail",
    "Time, work, learning and data of the newest finished generation.",
    (
        Row(
            "Time",
            (
                Panel(
                    "Time by stage", "Wall time of every stage of the newest generation.",
                    (line("cladeflow_stage_seconds", legend=_AT),), kind="bars", unit="s",
                ),
                Panel(
                    "Time inside models", "Loading, prefill, decoding, scoring and training.",
                    (line("cladeflow_stage_model_seconds", legend=_AT),), unit="s",
                ),
                Panel(
                    "CPU time", "Of the stages' processes, all threads.",
                    (line("cladeflow_stage_cpu_seconds", legend=_AT),), unit="s",
                ),
                Panel(
                    "Tokens per second", "Sampled per second inside models.",
                    (line("cladeflow_generated_tokens_per_second", legend=_AT),), unit="short",
                ),
                Panel(
                    "Memory", "Largest resident set of the stages' processes.",
                    (line("cladeflow_stage_memory_peak_bytes", legend=_AT),), unit="bytes",
                ),
                Panel(
                    "Seconds spent so far", "Of CPU, and of GPUs held, all committed work.",
                    (
                        line("cladeflow_cpu_seconds_total", over="sum", legend="CPU"),
                        line("cladeflow_gpu_seconds_total", over="sum", legend="GPU"),
                        line("cladeflow_wall_seconds_total", over="sum", legend="wall"),
                        line("cladeflow_model_seconds_total", over="sum", legend="models"),
                    ), unit="s",
                ),
            ),
        ),
        Row(
            "Work so far",
            (
                Panel(
                    "Tokens", "Sampled, put to models, and trained on, by role.",
                    (
                        line(
                            "cladeflow_generated_tokens_total", over="sum by (role)",
                            legend="sampled: {{role}}",
                        ),
                        line(
                            "cladeflow_prompt_tokens_total", over="sum by (role)",
                            legend="prompts: {{role}}",
                        ),
                        line(
                            "cladeflow_trained_tokens_total", over="sum by (role)",
                            legend="trained: {{role}}",
                        ),
                    ),
                ),
                Panel(
                    "Records in", "Records in the sets that stages start from.",
                    (
                        line(
                            "cladeflow_input_records_total", over="sum by (stage, record)",
                            legend="{{stage}}: {{record}}",
                        ),
                    ),
                ),
                Panel(
                    "Records out", "Records in the sets that stages commit.",
                    (
                        line(
                            "cladeflow_output_records_total", over="sum by (stage, record)",
                            legend="{{stage}}: {{record}}",
                        ),
                    ),
                ),
                Panel(
                    "Attempts and retries", "Stages and shards begun, and begun again.",
                    (
                        line("cladeflow_attempts_total", over="sum", legend="attempts"),
                        line("cladeflow_retries_total", over="sum", legend="retries"),
                    ),
                ),
                Panel(
                    "Bytes moved", "Through the store.",
                    (
                        line("cladeflow_read_bytes_total", over="sum", legend="read"),
                        line("cladeflow_written_bytes_total", over="sum", legend="written"),
                    ), unit="bytes",
                ),
                Panel(
                    "Difficulty", "Mean level of the tasks posed: where the curriculum is.",
                    (line("cladeflow_task_level", legend="{{env}}: {{family}}"),),
                ),
            ),
        ),
        Row(
            "Verdicts",
            (
                Panel(
                    "Outcomes", "Verdicts so far by what they say.",
                    (
                        line(
                            "cladeflow_verdict_outcomes_total", over="sum by (stage, outcome)",
                            legend="{{stage}}: {{outcome}}",
                        ),
                    ),
                ),
                Panel(
                    "Mean reward", "Of the newest generation's attempts, by verification strategy.",
                    (line("cladeflow_mean_reward", legend="{{strategy}}"),),
                ),
                Panel(
                    "Rewards", "Distribution of all rewards so far.",
                    (
                        line(
                            "cladeflow_trajectory_reward_bucket", over="sum by (le)",
                            legend="{{le}}",
                        ),
                    ), kind="heatmap",
                ),
            ),
        ),
        Row(
            "Learning",
            (
                Panel(
                    "Loss", "Per unit, at the first and the last optimiser step.",
                    (
                        line("cladeflow_loss_first_nats", legend="first: {{role}} {{objective}}"),
                        line("cladeflow_loss_last_nats", legend="last: {{role}} {{objective}}"),
                    ),
                ),
                Panel(
                    "Gradient norm", "Mean over optimiser steps, before clipping.",
                    (_each("cladeflow_gradient_norm"),),
                ),
                Panel(
                    "Mean loss", "Mean over all optimiser steps so far.",
                    (_each("cladeflow_loss_nats"),),
                ),
                Panel(
                    "KL", "From the policy to what sampled, or to its reference, where the "
                    "objective reads them.",
                    (line("cladeflow_kl_nats", legend="{{role}} to {{other}}"),),
                ),
                Panel(
                    "Share kept", "Of the attempts seen, the share that became examples.",
                    (line("cladeflow_kept_ratio", legend="{{role}}"),), unit="percentunit",
                ),
                Panel(
                    "Sample age", "Mean generations between a sample and its use.",
                    (_each("cladeflow_sample_age_generations"),),
                ),
                Panel(
                    "Examples", "Built, and left out because they touch a held-out task.",
                    (
                        line(
                            "cladeflow_examples_total", over="sum by (role)",
                            legend="built: {{role}}",
                        ),
                        Query(
                            f"sum ({of('cladeflow_contaminated_examples_total')} or "
                            f"0 * {of('cladeflow_finished_generations')})", "left out",
                        ),
                    ),
                ),
            ),
        ),
    ),
)  # fmt: skip
