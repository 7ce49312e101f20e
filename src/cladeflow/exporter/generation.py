"""One generation as gauges: what its calls measured, put together by stage and round."""

from collections.abc import Iterable, Sequence

from cladeflow.exporter.commits import Read
from cladeflow.exporter.ledger import Place
from cladeflow.telemetry import Metrics, Sample


def gauges(calls: Sequence[Read], shown: int) -> dict[Place, Metrics]:
    """The gauges of a generation's calls.

    Seconds add up over all children and calls, peaks are the largest; anything else is the last
    call's of the child that is ``shown``.
    """
    found: dict[Place, Metrics] = {}
    for read in calls:
        metrics = found.setdefault(Place(read.call.stage, read.call.round or ""), Metrics())
        for sample in _gauges(read.metrics):
            if sample.spec.over != "last" or read.call.child in (None, shown):
                _put(metrics, sample)
    return found


def _gauges(metrics: Metrics) -> Iterable[Sample]:
    return (sample for sample in metrics.samples() if sample.spec.kind == "gauge")


def _put(metrics: Metrics, sample: Sample) -> None:
    name, labels = sample.spec.name, sample.labels
    before = metrics.value(name, **labels)
    combined = {
        "last": sample.value,
        "sum": before + sample.value,
        "max": max(before, sample.value),
    }
    metrics.gauge(name, combined[sample.spec.over], **labels)
