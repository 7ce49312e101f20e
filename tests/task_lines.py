"""Task files for tests."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def write_lines(path: Path, lines: Iterable[Mapping[str, Any]]) -> Path:
    """One JSON object per line."""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def sums(n: int) -> list[dict[str, str]]:
    """``n`` word problems with worked answers, as GSM8K writes them."""
    return [
        {
            "question": f"Ann has {i} clips and buys {i + 2} more. How many has she now?",
            "answer": f"She has {i}+{i + 2}=<<{i}+{i + 2}={2 * i + 2}>>{2 * i + 2} clips.\n"
            f"#### {2 * i + 2}",
        }
        for i in range(n)
    ]


def plain_sums(n: int) -> list[dict[str, Any]]:
    """The same without the way to the answer."""
    return [{**line, "answer": 2 * i + 2} for i, line in enumerate(sums(n))]
