"""The gate that is always open."""

from cladeflow.promote.base import Gate
from cladeflow.records import Decision, EvalReport


class Always(Gate, name="always", version=1):
    """Accepts every child, for methods that continue from the newest agent whatever it scores."""

    def decide(self, report: EvalReport, tried: int) -> Decision:
        """Pass, untested."""
        return self.decision(report, tried, "pass", "every child is accepted, without a test")
