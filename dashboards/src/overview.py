"""Is the evolution getting better, at what cost, and is somebody waited for?"""

from dashboards.src.board import Board, Panel, Query, Row, line, of


def _stat(title: str, description: str, query: Query, unit: str = "short") -> Panel:
    return Panel(title, description, (query,), kind="stat", unit=unit, width=4)


_HELD_OUT = 'family="all"', 'metric="accuracy"', 'suite!="retention"'

OVERVIEW = Board(
    "cladeflow-overview",
    "Cladeflow / Evolution overview",
    "Scores, champion, gates and cost of whole evolutions.",
    (
        Row(
            "Now",
            (
                _stat(
                    "Generations", "The newest generation that has been decided.",
                    line("cladeflow_finished_generations", legend="{{recipe}}"),
                ),
                _stat(
                    "Champion's generation", "The generation that made the agent in charge; 0 is "
                    "the initial agent.",
                    line("cladeflow_champion_generations", legend="{{recipe}}"),
                ),
                _stat(
                    "Champion's age", "Generations finished since the champion was made.",
                    line("cladeflow_champion_age_generations", legend="{{recipe}}"),
                ),
                _stat(
                    "Running", "1 while a process holds the evolution's lease.",
                    line("cladeflow_running_state", legend="{{recipe}}"),
                ),
                _stat(
                    "Since the last generation", "Time since a generation was last decided.",
                    Query(
                        f"time() - {of('cladeflow_last_success_timestamp_seconds')}", "{{recipe}}"
                    ), "s",
                ),
                _stat(
                    "Waiting for approval", "Children that only lack a person's approval.",
                    line("cladeflow_pending_approvals", legend="{{recipe}}"),
                ),
            ),
        ),
        Row(
            "Scores",
            (
                Panel(
                    "Held-out accuracy",
                    "Share of held-out tasks that the newest child solves, with its 95 % interval.",
                    (
                        line("cladeflow_score_ratio", *_HELD_OUT, legend="accuracy"),
                        line("cladeflow_score_lower_ratio", *_HELD_OUT, legend="lower bound"),
                        line("cladeflow_score_upper_ratio", *_HELD_OUT, legend="upper bound"),
                    ), unit="percentunit", width=12,
                ),
                Panel(
                    "Improvement over the incumbent",
                    "Paired difference of child and incumbent at the gate's confidence. A child "
                    "passes where the lower bound clears the bar.",
                    (
                        line("cladeflow_improvement_ratio", *_HELD_OUT, legend="difference"),
                        line("cladeflow_improvement_lower_ratio", *_HELD_OUT, legend="lower bound"),
                        line("cladeflow_improvement_upper_ratio", *_HELD_OUT, legend="upper bound"),
                    ), unit="percentunit", width=12,
                ),
                Panel(
                    "Champion's score",
                    "Share of the held-out tasks that the champion solved at the first attempt, "
                    "with its Wilson interval.",
                    (
                        line("cladeflow_champion_score_ratio", legend="score"),
                        line("cladeflow_champion_score_lower_ratio", legend="lower bound"),
                        line("cladeflow_champion_score_upper_ratio", legend="upper bound"),
                    ), unit="percentunit", width=12,
                ),
                Panel(
                    "Accuracy by family", "Held-out accuracy of the newest child, by task family.",
                    (
                        line(
                            "cladeflow_score_ratio", 'family!="all"', *_HELD_OUT[1:],
                            legend="{{family}}",
                        ),
                    ), unit="percentunit", width=12,
                ),
            ),
        ),
        Row(
            "Decisions",
            (
                Panel(
                    "Gate decisions", "Decisions so far, by gate and outcome.",
                    (
                        line(
                            "cladeflow_gate_outcomes_total", over="sum by (gate, outcome)",
                            legend="{{gate}}: {{outcome}}",
                        ),
                    ),
                ),
                Panel(
                    "Reasons of decisions", "What the gates' reasons were about, so far.",
                    (
                        line(
                            "cladeflow_gate_reasons_total", over="sum by (gate, reason)",
                            legend="{{gate}}: {{reason}}",
                        ),
                    ),
                ),
                Panel(
                    "Changes of champion", "Promotions, promotions by hand in MLflow, rollbacks.",
                    (
                        line(
                            "cladeflow_champion_changes_total", over="sum by (kind)",
                            legend="{{kind}}",
                        ),
                    ),
                ),
                Panel(
                    "Generations without progress",
                    "Since the last promotion, and in a row with nothing but failed gates.",
                    (
                        line("cladeflow_unpromoted_generations", legend="without a promotion"),
                        line("cladeflow_failed_gate_generations", legend="all failed"),
                    ),
                ),
                Panel(
                    "Pace", "Time that the newest generation's stages took, and how often one is "
                    "expected.",
                    (
                        line("cladeflow_generation_seconds", legend="newest generation"),
                        line("cladeflow_generation_interval_seconds", legend="expected every"),
                    ), unit="s",
                ),
            ),
        ),
        Row(
            "Cost",
            (
                Panel(
                    "Cost so far", "Committed work at the exporter's prices, and the budget.",
                    (
                        line(
                            "cladeflow_cost_dollars_total", over="sum by (resource)",
                            legend="{{resource}}",
                        ),
                        line("cladeflow_budget_dollars", legend="budget"),
                    ), unit="currencyUSD",
                ),
                Panel(
                    "Cost of the newest generation", "By resource.",
                    (
                        line(
                            "cladeflow_generation_cost_dollars", over="sum by (resource)",
                            legend="{{resource}}",
                        ),
                    ), unit="currencyUSD",
                ),
                Panel(
                    "Cost per point gained",
                    "Everything spent so far by the percentage points that promoted children "
                    "gained over their incumbents.",
                    (line("cladeflow_point_cost_dollars", legend="{{recipe}}"),),
                    unit="currencyUSD",
                ),
            ),
        ),
    ),
)  # fmt: skip
