"""Collects one stage's metrics for its metrics.json."""

import json
from typing import Any, Self

from cladeflow.errors import StoreError
from cladeflow.telemetry.metrics import METRICS, Kind

Series = tuple[str, tuple[tuple[str, str], ...]]
"""A metric's name and its labels, sorted."""


class Metrics:
    """Values by series. A name, kind or label that the table does not know is a ValueError."""

    def __init__(self) -> None:
        self._values: dict[Series, float] = {}
        self._counts: dict[Series, int] = {}

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter."""
        series = _series(name, "counter", labels)
        if amount < 0:
            raise ValueError(f"counter {name} cannot go down by {-amount}")
        self._values[series] = self._values.get(series, 0) + amount

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        self._values[_series(name, "gauge", labels)] = value

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Add one observation to a summary."""
        series = _series(name, "summary", labels)
        self._values[series] = self._values.get(series, 0) + value
        self._counts[series] = self._counts.get(series, 0) + 1

    def merge(self, other: Self) -> None:
        """Take in a shard's metrics: counters and summaries add up, the largest gauge stays."""
        for series, value in other._values.items():
            mine = self._values.get(series)
            if mine is None:
                self._values[series] = value
            elif METRICS[series[0]].kind == "gauge":
                self._values[series] = max(mine, value)
            else:
                self._values[series] = mine + value
        for series, count in other._counts.items():
            self._counts[series] = self._counts.get(series, 0) + count

    def value(self, name: str, **labels: str) -> float:
        """A counter's total, a gauge's value or a summary's sum; 0 where nothing was recorded."""
        return self._values.get(_series(name, METRICS[name].kind, labels), 0)

    def to_json(self) -> list[dict[str, Any]]:
        """What metrics.json holds, in a fixed order: one entry per series."""
        return [
            {"name": series[0], "labels": dict(series[1]), "value": value}
            | ({"count": self._counts[series]} if series in self._counts else {})
            for series, value in sorted(self._values.items())
        ]

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read a metrics.json; raises `StoreError` where it is not one."""
        metrics = cls()
        try:
            for entry in json.loads(text):
                kind = METRICS[entry["name"]].kind
                series = _series(entry["name"], kind, entry["labels"])
                metrics._values[series] = float(entry["value"])
                if kind == "summary":
                    metrics._counts[series] = int(entry["count"])
        except (KeyError, TypeError, ValueError) as error:
            raise StoreError(f"metrics.json: not what this version writes ({error!r})") from error
        return metrics


def _series(name: str, kind: Kind, labels: dict[str, str]) -> Series:
    spec = METRICS.get(name)
    if spec is None or spec.kind != kind:
        raise ValueError(f"{name} is not a {kind} of telemetry.metrics")
    if sorted(labels) != sorted(spec.labels):
        raise ValueError(f"{name} has the labels {spec.labels}, not {tuple(labels)}")
    return name, tuple(sorted(labels.items()))
