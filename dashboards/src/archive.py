"""The population: how large, how deep, how good."""

from dashboards.src.board import Board, Panel, Query, Row, line, of

ARCHIVE = Board(
    "cladeflow-archive",
    "Cladeflow / Archive",
    "Agents, lines of descent and clades of an evolution.",
    (
        Row(
            "Population",
            (
                Panel(
                    "Agents", "By status. Bad agents stay: parents are drawn from all.",
                    (line("cladeflow_archive_agents", legend="{{status}}"),),
                ),
                Panel(
                    "Depth", "Longest line of descent from the initial agent.",
                    (line("cladeflow_archive_depth_generations", legend="{{recipe}}"),),
                ),
                Panel(
                    "Valid share", "Share of the agents that may be parents.",
                    (line("cladeflow_archive_valid_ratio", legend="{{recipe}}"),),
                    unit="percentunit",
                ),
            ),
        ),
        Row(
            "Quality",
            (
                Panel(
                    "Scores", "Share of held-out tasks solved: best agent and median.",
                    (line("cladeflow_archive_score_ratio", legend="{{rank}}"),),
                    unit="percentunit", width=12,
                ),
                Panel(
                    "Clades", "Share of held-out tasks that an agent and all its descendants "
                    "solved: best clade, the champion's, the median.",
                    (line("cladeflow_archive_clade_score_ratio", legend="{{rank}}"),),
                    unit="percentunit", width=12,
                ),
            ),
        ),
        Row(
            "Events",
            (
                Panel(
                    "Events", "Everything that happened to agents, so far, by kind.",
                    (line("cladeflow_archive_events_total", legend="{{kind}}"),), width=12,
                ),
                Panel(
                    "Champion since", "When the champion was put in charge.",
                    (
                        Query(
                            f"1000 * {of('cladeflow_champion_since_timestamp_seconds')}",
                            "{{recipe}}",
                        ),
                    ), kind="stat", unit="dateTimeAsIso", width=12,
                ),
            ),
        ),
    ),
)  # fmt: skip
