"""The table of every metric, for docs/monitoring.md."""

from cladeflow.telemetry.evolution_metrics import EVOLUTION
from cladeflow.telemetry.live_metrics import LIVE
from cladeflow.telemetry.metrics import STAGES
from cladeflow.telemetry.spec import Spec

MARK = "## Every metric\n"
_ABOUT = (
    "\nNames, units and labels are fixed in `src/cladeflow/telemetry` and only ever added to. "
    "Shares are ratios between 0 and 1.\n"
)
_PARTS = {
    "Of stages, in metrics.json; labels `evolution`, `recipe`, `stage`, `round` and": STAGES,
    "Of an evolution, read by the exporter; labels `evolution`, `recipe` and": EVOLUTION,
    "Of a process at work": LIVE,
}


def with_reference(text: str) -> str:
    """The document with its last section as the tables of metrics say."""
    head, mark, _ = text.partition(MARK)
    return head + mark + _ABOUT + "".join(_part(title, specs) for title, specs in _PARTS.items())


def _part(title: str, specs: dict[str, Spec]) -> str:
    rows = "".join(_row(spec) for spec in specs.values())
    return f"\n{title}:\n\n| Metric | Kind | Labels | What |\n|---|---|---|---|\n{rows}"


def _row(spec: Spec) -> str:
    labels = ", ".join(f"`{label}`" for label in spec.labels)
    return f"| `{spec.name}` | {spec.kind} | {labels} | {spec.help} |\n"
