"""Telemetry: the table of metrics, and the collector behind every stage's metrics.json."""

from cladeflow.telemetry.collector import Metrics
from cladeflow.telemetry.metrics import METRICS, Spec
from cladeflow.telemetry.report import record_decision, record_report

__all__ = ["METRICS", "Metrics", "Spec", "record_decision", "record_report"]
