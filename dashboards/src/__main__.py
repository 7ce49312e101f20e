"""Writes every dashboard's JSON and the table of metrics: ``python -m dashboards.src``."""

from pathlib import Path

from dashboards.src.boards import BOARDS
from dashboards.src.grafana import to_json
from dashboards.src.reference import with_reference

GENERATED = Path(__file__).parents[1] / "generated"
DOCUMENT = Path(__file__).parents[2] / "docs" / "monitoring.md"


def main() -> None:
    """Write dashboards/generated and the last section of docs/monitoring.md."""
    for board in BOARDS:
        (GENERATED / f"{board.uid}.json").write_text(to_json(board))
    DOCUMENT.write_text(with_reference(DOCUMENT.read_text()))


if __name__ == "__main__":
    main()
