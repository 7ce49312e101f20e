"""Telemetry: the table of metrics, and the collector behind every stage's metrics.json."""

from cladeflow.telemetry.collector import Metrics, Sample, read_metrics
from cladeflow.telemetry.metrics import METRICS, STAGES
from cladeflow.telemetry.report import (
    record_decision,
    record_exploration,
    record_outcomes,
    record_report,
    record_rewards,
    summarise_verdicts,
)
from cladeflow.telemetry.spec import Spec

__all__ = [
    "METRICS",
    "STAGES",
    "Metrics",
    "Sample",
    "Spec",
    "read_metrics",
    "record_decision",
    "record_exploration",
    "record_outcomes",
    "record_report",
    "record_rewards",
    "summarise_verdicts",
]
