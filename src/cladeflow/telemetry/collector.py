"""Collects one stage's metrics for its metrics.json."""

import json
from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple, Self

from cladeflow.errors import StoreError
from cladeflow.store.base import Store
from cladeflow.telemetry.metrics import METRICS
from cladeflow.telemetry.spec import Kind, Spec

Series = tuple[str, tuple[tuple[str, str], ...]]
"""A metric's name and its labels, sorted."""


class Sample(NamedTuple):
    """One series as it stands."""

    spec: Spec
    labels: dict[str, str]
    value: float
    """Of a counter or gauge; the sum of what was observed."""
    observed: int
    """How many observations that is the sum of."""
    buckets: tuple[int, ...]
    """Observations in each bucket of a histogram, not added up."""


Labelled = tuple[dict[str, str], Sample]
"""Labels that say where a sample was taken, and the sample with its own."""


class Metrics:
    """Values by series. A name, kind or label that the table does not know is a ValueError."""

    def __init__(self) -> None:
        self._values: dict[Series, float] = {}
        self._counts: dict[Series, int] = {}
        self._buckets: dict[Series, list[int]] = {}

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
        """Add one observation to a summary or histogram."""
        self.total(name, value, 1, **labels)
        spec = METRICS[name]
        if spec.kind == "histogram":
            series = _series(name, spec.kind, labels)
            found = self._buckets.setdefault(series, [0] * len(spec.buckets))
            found[bisect_left(spec.buckets, value)] += 1

    def total(self, name: str, total: float, count: int, **labels: str) -> None:
        """Add ``count`` observations to a summary that come to ``total`` together."""
        observed = METRICS[name].kind if name in METRICS else "summary"
        series = _series(name, "histogram" if observed == "histogram" else "summary", labels)
        self._values[series] = self._values.get(series, 0) + total
        self._counts[series] = self._counts.get(series, 0) + count

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
        for series, counts in other._buckets.items():
            mine_too = self._buckets.get(series, [0] * len(counts))
            self._buckets[series] = [a + b for a, b in zip(mine_too, counts, strict=True)]

    def value(self, name: str, **labels: str) -> float:
        """A counter's total, a gauge's value or a summary's sum; 0 where nothing was recorded."""
        return self._values.get(_series(name, METRICS[name].kind, labels), 0)

    def samples(self, *names: str) -> Iterator[Sample]:
        """Every series, or those of some metrics, in a fixed order."""
        for series, value in sorted(self._values.items()):
            if not names or series[0] in names:
                counted = self._counts.get(series, 0), tuple(self._buckets.get(series, ()))
                yield Sample(METRICS[series[0]], dict(series[1]), value, *counted)

    def to_json(self) -> list[dict[str, Any]]:
        """What metrics.json holds, in a fixed order: one entry per series."""
        return [
            {"name": series[0], "labels": dict(series[1]), "value": value}
            | ({"count": self._counts[series]} if series in self._counts else {})
            | ({"buckets": self._buckets[series]} if series in self._buckets else {})
            for series, value in sorted(self._values.items())
        ]

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read a metrics.json; raises `StoreError` where it is not one."""
        metrics = cls()
        try:
            entries = json.loads(text)
            if not isinstance(entries, list):
                raise TypeError(f"a list of metrics, not {text[:20]!r}")
            for entry in entries:
                spec = METRICS[entry["name"]]
                series = _series(spec.name, spec.kind, entry["labels"])
                metrics._values[series] = float(entry["value"])
                if spec.kind in ("summary", "histogram"):
                    metrics._counts[series] = int(entry["count"])
                if spec.kind == "histogram":
                    metrics._buckets[series] = _buckets(spec, entry["buckets"])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise StoreError(f"no metrics that this version writes ({error!r})") from error
        return metrics


def read_metrics(store: Store, key: str) -> Metrics:
    """The metrics.json at ``key``; raises `StoreError` naming it where it is missing or damaged."""
    text = store.read(key)
    try:
        return Metrics.from_json(text)
    except StoreError as error:
        raise StoreError(f"{store.uri}/{key} is damaged: {error}") from error


def _series(name: str, kind: Kind, labels: dict[str, str]) -> Series:
    return _known(name, kind, tuple(sorted(labels.items())))


@lru_cache(maxsize=10_000)
def _known(name: str, kind: Kind, labels: tuple[tuple[str, str], ...]) -> Series:
    """Asked for every verdict, of a few series."""
    spec, given = METRICS.get(name), [label for label, _ in labels]
    if spec is None or spec.kind != kind:
        raise ValueError(f"{name} is not a {kind} of telemetry.metrics")
    if given != sorted(spec.labels):
        raise ValueError(f"{name} has the labels {spec.labels}, not {tuple(given)}")
    return name, labels


def _buckets(spec: Spec, counts: list[Any]) -> list[int]:
    if len(counts) != len(spec.buckets):
        raise ValueError(f"{spec.name} has {len(spec.buckets)} buckets, not {len(counts)}")
    return [int(count) for count in counts]
