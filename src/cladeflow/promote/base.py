"""What a gate is: it makes of a report a decision with reasons."""

from abc import abstractmethod
from typing import ClassVar

from cladeflow.errors import CladeflowError
from cladeflow.promote.reserve import Reserve
from cladeflow.records import Decision, Delta, EvalReport
from cladeflow.records.report import GateOutcome
from cladeflow.strategy import Strategy

ROUNDING = 1e-6
"""Reports round their numbers."""


class Gate(Strategy, slot="promote"):
    """Decides whether a child may replace the incumbent."""

    waits: ClassVar[bool] = False
    """Whether it asks a person, and so is asked last and only of the winner."""

    @abstractmethod
    def decide(self, report: EvalReport, tried: int) -> Decision:
        """The decision on the report's agent, the ``tried``-th child since the last promotion."""

    def interval_confidence(self, tried: int) -> float:
        """Confidence that the report's deltas must have for `decide`."""
        return 0.95

    def incomparable(self, report: EvalReport, suite: str, metric: str) -> str:
        """Why the report's two agents cannot be compared; empty where they can."""
        if report.identical:
            return "child and incumbent are the same agent: nothing changed, nothing to promote"
        if any((g.suite, g.family, g.metric) == (suite, "all", metric) for g in report.gaps):
            return f"no task of {suite} has a verdict for both agents: {metric} is not known"
        return ""

    def difference(
        self, report: EvalReport, suite: str, metric: str, tried: int, family: str = "all"
    ) -> Delta:
        """The report's difference; raises `CladeflowError` where it is not there or too narrow."""
        delta = self.found(report, suite, metric, family)
        wanted = self.interval_confidence(tried)
        if delta.confidence < wanted - ROUNDING:
            raise CladeflowError(
                f"{self.name}: with {tried} children tried it needs intervals at "
                f"{wanted:.4%} confidence or more, but the report's are at {delta.confidence:.4%}; "
                "evaluate the child again"
            )
        return delta

    def found(self, report: EvalReport, suite: str, metric: str, family: str = "all") -> Delta:
        """The report's difference at whatever confidence it has."""
        at = (suite, family, metric)
        delta = next((d for d in report.deltas if (d.suite, d.family, d.metric) == at), None)
        if delta is None:
            known = sorted({f"{d.suite}/{d.metric}" for d in report.deltas if d.family == "all"})
            raise CladeflowError(
                f"{self.name}: the report has no difference in {suite}/{metric}, "
                f"only in {', '.join(known) or 'nothing'}; set its options suite and metric, or "
                "add benchmark_suite to the recipe's evaluate"
            )
        return delta

    def decision(
        self, report: EvalReport, tried: int, outcome: GateOutcome, *reasons: str
    ) -> Decision:
        """The record of an outcome."""
        return Decision(
            gen=report.gen,
            agent_id=report.agent_id,
            incumbent_id=report.baseline_id,
            gate=self.name,
            outcome=outcome,
            reasons=reasons,
            tried=tried,
        )


class RetestingGate(Gate):
    """A gate that may test a winner once more, on tasks that no agent has met."""

    reserve: Reserve | None = None
    """Where set, a child that passes is tested once more, on the next block of it."""

    @abstractmethod
    def decide_again(self, report: EvalReport, reserve: Reserve, tried: int) -> Decision:
        """The decision on the re-test, on a block of ``reserve``, of a child that passed."""
