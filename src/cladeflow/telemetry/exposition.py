"""Samples as what Prometheus scrapes."""

from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from math import isinf

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from cladeflow.telemetry.collector import Labelled, Sample
from cladeflow.telemetry.spec import Kind, Spec

_KINDS: dict[Kind, Callable[..., Metric]] = {
    "counter": CounterMetricFamily,
    "gauge": GaugeMetricFamily,
    "summary": SummaryMetricFamily,
    "histogram": HistogramMetricFamily,
}


class SampleCollector(Collector):
    """What a function gives at every scrape, as metric families."""

    def __init__(self, samples: Callable[[], Iterable[Labelled]]) -> None:
        self._samples = samples

    def collect(self) -> Iterator[Metric]:
        """One family per metric, in the order in which they first come."""
        found: dict[str, list[Labelled]] = {}
        for place, sample in self._samples():
            found.setdefault(sample.spec.name, []).append((place, sample))
        for rows in found.values():
            yield _family(rows[0][1].spec, rows)


def _family(spec: Spec, rows: list[Labelled]) -> Metric:
    around = [label for label in rows[0][0] if label not in spec.labels]
    labels = [*around, *spec.labels]
    family: Metric = _KINDS[spec.kind](spec.name.removesuffix("_total"), spec.help, labels=labels)
    for place, sample in rows:
        values = [(place | sample.labels)[label] for label in labels]
        if isinstance(family, SummaryMetricFamily):
            family.add_metric(values, sample.observed, sample.value)
        elif isinstance(family, HistogramMetricFamily):
            family.add_metric(values, _cumulative(spec, sample), sample.value)
        elif isinstance(family, CounterMetricFamily | GaugeMetricFamily):
            family.add_metric(values, sample.value)
    return family


def _cumulative(spec: Spec, sample: Sample) -> list[tuple[str, float]]:
    """Observations up to each bound, as Prometheus keeps them."""
    bounds = ("+Inf" if isinf(bound) else repr(float(bound)) for bound in spec.buckets)
    return list(zip(bounds, accumulate(sample.buckets), strict=True))
