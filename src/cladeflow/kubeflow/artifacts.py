"""KFP artifacts that point at commits: where they are, what they hold, what they measured. Stdlib.

An artifact is a small JSON file, or an HTML page; the data stays in the store.
"""

import json
from html import escape
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
    write(artifact, _page(facts) if kind == "HTML" else json.dumps(fields, indent=2))


def write(artifact: Any, text: str) -> None:
    """Put ``text`` where a KFP artifact's file belongs."""
    path = Path(artifact.path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _page(facts: Facts) -> str:
    """A commit's measures as a table."""
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{value:g}</td></tr>"
        for name, value in sorted(facts.metrics.items())
    )
    return (
        "<!doctype html><meta charset=utf-8>"
        f"<title>{escape(facts.stage)}</title><h1>{escape(facts.stage)}</h1>"
        f"<p>generation {facts.generation}, commit <code>{escape(facts.commit)}</code></p>"
        f"<table>{rows}</table>"
    )
