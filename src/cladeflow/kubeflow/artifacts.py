"""KFP artifacts that point at commits: where they are, what they hold, what they measured. Stdlib.

An artifact is a small JSON file, or an HTML page; the data stays in the store.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple


class Facts(NamedTuple):
    """What a task tells of one commit."""

    generation: int
    stage: str
    commit: str
    """Key of the commit in the store."""
    digest: str
    counts: dict[str, int]
    """Records by set."""
    models: dict[str, str]
    """Model Ref by role."""
    metrics: dict[str, float]
    """Value by metric and labels."""
    seconds: float


def point(artifact: Any, facts: Facts, home: Path) -> None:
    """Let a KFP artifact say where the commit is and what it holds."""
    kind = type(artifact).__name__
    fields = {**facts._asdict(), "store": str(home / "store")}
    artifact.metadata.update(
        {name: fields[name] for name in ("stage", "commit", "digest", "store")}
    )
    if kind == "Metrics":
        for name, value in facts.metrics.items():
            artifact.log_metric(name, value)
    if kind == "HTML":
        said = f"generation {facts.generation}, commit {facts.commit}"
        write(artifact, page(facts.stage, said, facts.metrics))
    else:
        write(artifact, json.dumps(fields, indent=2))


def write(artifact: Any, text: str) -> None:
    """Put ``text`` where a KFP artifact's file belongs."""
    path = Path(artifact.path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def page(title: str, said: str, values: Mapping[str, float]) -> str:
    """Measures as a table below a sentence."""
    from html import escape

    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{value:g}</td></tr>"
        for name, value in sorted(values.items())
    )
    return (
        f"<!doctype html><meta charset=utf-8><title>{escape(title)}</title>"
        f"<h1>{escape(title)}</h1><p>{escape(said)}</p><table>{rows}</table>"
    )
