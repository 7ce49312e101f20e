"""Writes every dashboard's JSON: ``python -m dashboards.src [DIRECTORY]``."""

import sys
from pathlib import Path

from dashboards.src.boards import BOARDS
from dashboards.src.grafana import to_json

GENERATED = Path(__file__).parents[1] / "generated"


def main() -> None:
    """Write to dashboards/generated, or to the directory named."""
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else GENERATED
    out.mkdir(parents=True, exist_ok=True)
    for board in BOARDS:
        (out / f"{board.uid}.json").write_text(to_json(board))


if __name__ == "__main__":
    main()
