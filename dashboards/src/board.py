"""What a dashboard is, before it is Grafana's: rows of panels, each of which asks something."""

from typing import Literal, NamedTuple

Kind = Literal["timeseries", "stat", "bars", "heatmap"]

EVOLUTION = 'evolution=~"$evolution"'
"""The selector of every metric of an evolution."""


class Query(NamedTuple):
    """One expression of a panel. Its series are called by ``legend``."""

    expr: str
    legend: str = ""


class Panel(NamedTuple):
    """One panel: ``unit`` is Grafana's name of it; ``width`` is of 24 columns."""

    title: str
    description: str
    queries: tuple[Query, ...]
    kind: Kind = "timeseries"
    unit: str = "short"
    width: int = 8


class Row(NamedTuple):
    """Panels under a heading."""

    title: str
    panels: tuple[Panel, ...]


class Board(NamedTuple):
    """One dashboard. Its ``uid`` never changes: others link to it."""

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]
    of_evolution: bool = True
    """Whether it has the variable ``evolution``."""

    @property
    def panels(self) -> tuple[Panel, ...]:
        """Every panel, in order."""
        return tuple(panel for row in self.rows for panel in row.panels)


def of(metric: str, *labels: str) -> str:
    """A metric of the chosen evolutions, narrowed by further ``labels``."""
    return f"{metric}{{{', '.join((EVOLUTION, *labels))}}}"


def line(metric: str, *labels: str, legend: str = "", over: str = "") -> Query:
    """A metric as it is, or its ``over`` such as ``sum by (stage)``."""
    expr = of(metric, *labels)
    return Query(f"{over} ({expr})" if over else expr, legend)
