"""What a gate is: it makes of a report a decision with reasons."""

from abc import abstractmethod

from cladeflow.records import Decision, EvalReport
from cladeflow.records.report import GateOutcome
from cladeflow.strategy import Strategy


class Gate(Strategy, slot="promote"):
    """Decides whether a child may replace the incumbent."""

    @abstractmethod
    def decide(self, report: EvalReport, tried: int) -> Decision:
        """The decision on the report's agent, the ``tried``-th child since the last promotion."""

    def interval_confidence(self, tried: int) -> float:
        """Confidence that the report's deltas must have for `decide`."""
        return 0.95

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
