"""The metrics of an evolution as a whole, which the exporter reads from its archive and commits."""

from cladeflow.telemetry.spec import Spec, table

EVOLUTION = table(
    # generations
    Spec(
        "cladeflow_finished_generations", "gauge", "generations",
        "Number of the newest generation that has been decided; 0 before the first.",
    ),
    Spec(
        "cladeflow_begun_generations", "gauge", "generations",
        "Number of the newest generation that has been planned; 0 before the first.",
    ),
    Spec(
        "cladeflow_generation_seconds", "gauge", "seconds",
        "Wall time of the stages of the newest finished generation, together.",
    ),
    Spec(
        "cladeflow_generation_interval_seconds", "gauge", "seconds",
        "Time within which the next generation is expected: as told, or the median of the last "
        "ones while a process evolves the home. Absent where none is expected.",
    ),
    Spec(
        "cladeflow_last_success_timestamp_seconds", "gauge", "seconds",
        "When the newest finished generation was decided.",
    ),
    Spec(
        "cladeflow_running_state", "gauge", "state",
        "Is 1 while a process holds the evolution's lease, else 0.",
    ),
    Spec(
        "cladeflow_unpromoted_generations", "gauge", "generations",
        "Finished generations since one of their children was promoted.",
    ),
    Spec(
        "cladeflow_failed_gate_generations", "gauge", "generations",
        "Newest finished generations in a row whose every child failed a gate.",
    ),
    Spec(
        "cladeflow_pending_approvals", "gauge", "approvals",
        "Children that every gate but human_approval passed and nobody has approved or refused.",
    ),
    # the champion
    Spec(
        "cladeflow_champion_generations", "gauge", "generations",
        "Number of the generation that made the champion; 0 for the initial agent.",
    ),
    Spec(
        "cladeflow_champion_age_generations", "gauge", "generations",
        "Generations finished since the champion was made.",
    ),
    Spec(
        "cladeflow_champion_since_timestamp_seconds", "gauge", "seconds",
        "When the champion was put in charge.",
    ),
    Spec(
        "cladeflow_champion_changes_total", "counter", "changes",
        "Changes of champion by kind: promoted, promoted_external, rolled_back.", ("kind",),
    ),
    Spec(
        "cladeflow_champion_score_ratio", "gauge", "ratio",
        "Share of the held-out tasks that the champion solved at the first attempt.",
    ),
    Spec("cladeflow_champion_score_lower_ratio", "gauge", "ratio", "Its lower 95 % Wilson bound."),
    Spec("cladeflow_champion_score_upper_ratio", "gauge", "ratio", "Its upper 95 % Wilson bound."),
    # the archive
    Spec("cladeflow_archive_agents", "gauge", "agents", "Agents by status.", ("status",)),
    Spec("cladeflow_archive_events_total", "counter", "events", "Events by kind.", ("kind",)),
    Spec(
        "cladeflow_archive_depth_generations", "gauge", "generations",
        "Longest line of descent from the initial agent.",
    ),
    Spec(
        "cladeflow_archive_valid_ratio", "gauge", "ratio",
        "Share of the agents that may be parents.",
    ),
    Spec(
        "cladeflow_archive_score_ratio", "gauge", "ratio",
        "Share of held-out tasks solved: of the best agent, and the median over agents.",
        ("rank",),
    ),
    Spec(
        "cladeflow_archive_clade_score_ratio", "gauge", "ratio",
        "Share of held-out tasks that an agent and all its descendants solved: of the best clade, "
        "the champion's, and the median over agents.", ("rank",),
    ),
    # cost
    Spec(
        "cladeflow_cost_dollars_total", "counter", "dollars",
        "Committed work at the price table's prices, by resource: cpu, gpu, tokens.",
        ("resource",),
    ),
    Spec(
        "cladeflow_generation_cost_dollars", "gauge", "dollars",
        "Cost of the newest finished generation, by resource.", ("resource",),
    ),
    Spec(
        "cladeflow_point_cost_dollars", "gauge", "dollars",
        "Cost so far per percentage point of held-out tasks that the champion solves beyond the "
        "first agent; absent where nothing was gained.",
    ),
    Spec("cladeflow_budget_dollars", "gauge", "dollars", "What may be spent, as told."),
    # the exporter itself
    Spec(
        "cladeflow_exporter_staleness_seconds", "gauge", "seconds",
        "Time since everything was last read without an error.",
    ),
    Spec(
        "cladeflow_exporter_refresh_seconds", "gauge", "seconds", "What the last reading took.",
    ),
    Spec(
        "cladeflow_exporter_backend_state", "gauge", "state",
        "Is 1 where the last reading of the back end (archive, store) succeeded, else 0.",
        ("backend",),
    ),
    Spec(
        "cladeflow_exporter_unreadable_documents", "gauge", "documents",
        "Commits and metrics documents that are damaged: what they say is missing here.",
    ),
)  # fmt: skip
