"""Does the policy still explore, and is what it is rewarded for what is wanted?"""

from dashboards.src.board import Board, Panel, Query, Row, line, of

_RETENTION = ('suite="retention"',)

EXPLORATION = Board(
    "cladeflow-exploration",
    "Cladeflow / Exploration and health",
    "Diversity of the rollouts, agreement of reward and held-out score, forgetting, verifiers.",
    (
        Row(
            "Exploration",
            (
                Panel(
                    "Entropy", "Token entropy of the newest rollouts at their temperature, nats.",
                    (line("cladeflow_policy_entropy_nats", legend="{{recipe}}"),),
                ),
                Panel(
                    "Different correct solutions", "Per task, in the newest rollouts.",
                    (line("cladeflow_distinct_correct_trajectories", legend="{{recipe}}"),),
                ),
                Panel(
                    "Shares", "Duplicates, tasks whose attempts are all right or all wrong, and "
                    "what more samples would find.",
                    (line("cladeflow_exploration_ratio", legend="{{measure}}"),),
                    unit="percentunit",
                ),
                Panel(
                    "Groups without a signal",
                    "Share of the tasks whose rewards are all equal: they teach a policy gradient "
                    "nothing.",
                    (line("cladeflow_zero_variance_ratio", legend="{{strategy}}"),),
                    unit="percentunit",
                ),
                Panel(
                    "pass@k gap", "What k samples find beyond one, on held-out tasks.",
                    (line("cladeflow_pass_at_k_gap_ratio", 'family="all"', legend="{{suite}}"),),
                    unit="percentunit",
                ),
            ),
        ),
        Row(
            "Reward and score",
            (
                Panel(
                    "Training reward and held-out score",
                    "They should rise together. Reward that rises while the held-out score falls "
                    "is a verifier being gamed, or memorised tasks.",
                    (
                        Query(of("cladeflow:train_reward:mean"), "training reward"),
                        Query(of("cladeflow:heldout_score:ratio"), "held-out score"),
                    ), width=12,
                ),
                Panel(
                    "Retention",
                    "Change on the levels that the incumbent had mastered, with its interval. "
                    "Below zero is forgetting.",
                    (
                        line("cladeflow_improvement_ratio", *_RETENTION, legend="{{family}}"),
                        line(
                            "cladeflow_improvement_upper_ratio", *_RETENTION,
                            legend="{{family}} upper",
                        ),
                    ), unit="percentunit", width=12,
                ),
            ),
        ),
        Row(
            "Health",
            (
                Panel(
                    "Verifier errors and timeouts", "Share of the newest verdicts that are neither "
                    "right nor wrong.",
                    (line("cladeflow_unchecked_ratio", legend="{{strategy}}"),),
                    unit="percentunit",
                ),
                Panel(
                    "Answers that can be read", "Share of held-out answers that parse.",
                    (
                        line(
                            "cladeflow_score_ratio", 'family="all"', 'metric="parse_rate"',
                            legend="{{suite}}",
                        ),
                    ), unit="percentunit",
                ),
                Panel(
                    "Exporter", "Seconds since everything was read, and damaged documents.",
                    (
                        Query("cladeflow_exporter_staleness_seconds", "staleness, seconds"),
                        Query("cladeflow_exporter_refresh_seconds", "last reading, seconds"),
                        Query("cladeflow_exporter_unreadable_documents", "damaged documents"),
                    ),
                ),
                Panel(
                    "Back ends", "1 where the last reading succeeded.",
                    (Query("cladeflow_exporter_backend_state", "{{backend}}"),),
                    kind="stat",
                ),
            ),
        ),
    ),
)  # fmt: skip
