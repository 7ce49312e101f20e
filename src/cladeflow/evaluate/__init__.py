"""Evaluation: an agent's own scaffold on held-out suites, and what the results say."""

from cladeflow.evaluate.base import (
    EvalContext,
    Evaluation,
    ReportParts,
    Setting,
    declared_suites,
    evaluation_report,
)
from cladeflow.evaluate.benchmark_suite import BenchmarkSuite
from cladeflow.evaluate.critique_eval import CritiqueEval
from cladeflow.evaluate.exploration_monitor import ExplorationMonitor
from cladeflow.evaluate.staged import Staged
from cladeflow.evaluate.suite import Cell, Suite, SuiteResult
from cladeflow.evaluate.transfer_retention import TransferRetention

__all__ = [
    "BenchmarkSuite",
    "Cell",
    "CritiqueEval",
    "EvalContext",
    "Evaluation",
    "ExplorationMonitor",
    "ReportParts",
    "Setting",
    "Staged",
    "Suite",
    "SuiteResult",
    "TransferRetention",
    "declared_suites",
    "evaluation_report",
]
