"""Promote what is better by the lower bound of a paired interval, and forgets nothing."""

from collections.abc import Iterator

from pydantic import Field

from cladeflow.errors import CladeflowError
from cladeflow.evaluate.statistics import corrected_confidence
from cladeflow.evaluate.transfer_retention import SUITE as RETENTION
from cladeflow.promote.base import Gate
from cladeflow.records import Decision, Delta, EvalReport
from cladeflow.records.report import GateOutcome

ROUNDING = 1e-6
"""Reports round their numbers."""


class ThresholdGate(Gate, name="threshold_gate", version=1):
    """Three-way test of Δ = score(child) - score(incumbent) on held-out tasks.

    With [lo, hi] the paired interval of Δ at 1 - 2(1 - confidence) / (tried (tried + 1)):

    - pass: lo > bar, and every guardrail holds;
    - fail: hi < bar, or a guardrail is violated;
    - inconclusive otherwise, and where child and incumbent are the same agent.

    The chance that any of the children tried since a promotion passes without being better is at
    most 1 - confidence, however many there are (docs/statistics.md).

    Guardrails: no family loses more than ``retention_drop`` on its mastered levels with an
    interval that excludes 0; at most ``max_unchecked`` of the answers escape their check, since
    those are left out of the score; no safety check fails.
    """

    metric: str = "accuracy"
    suite: str = "frontier"
    bar: float = 0.0
    """What the improvement must exceed, as a share: 0.01 is one point."""
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    retention_drop: float = Field(default=0.02, ge=0)
    max_unchecked: float = Field(default=0.05, ge=0)

    def interval_confidence(self, tried: int) -> float:
        """The gate's confidence, corrected for the children tried."""
        return corrected_confidence(self.confidence, tried)

    def decide(self, report: EvalReport, tried: int) -> Decision:
        """Raises `CladeflowError` for a report without the interval that the gate needs."""
        if report.identical:
            same = "child and incumbent are the same agent: nothing changed, nothing to promote"
            return self.decision(report, tried, "inconclusive", same)
        delta = self._primary(report, tried)
        violations = tuple(self._violations(report))
        if violations or delta.hi < self.bar:
            return self.decision(report, tried, "fail", self._sentence(delta), *violations)
        outcome: GateOutcome = "pass" if delta.lo > self.bar else "inconclusive"
        return self.decision(report, tried, outcome, self._sentence(delta))

    def _primary(self, report: EvalReport, tried: int) -> Delta:
        at = (self.suite, "all", self.metric)
        delta = next((d for d in report.deltas if (d.suite, d.family, d.metric) == at), None)
        if delta is None:
            known = sorted({f"{d.suite}/{d.metric}" for d in report.deltas if d.family == "all"})
            raise CladeflowError(
                f"threshold_gate: the report has no difference in {self.suite}/{self.metric}, "
                f"only in {', '.join(known) or 'nothing'}; set its options suite and metric, or "
                "add benchmark_suite to the recipe's evaluate"
            )
        wanted = self.interval_confidence(tried)
        if delta.confidence < wanted - ROUNDING:
            raise CladeflowError(
                f"threshold_gate: with {tried} children tried it needs intervals at "
                f"{wanted:.4%} confidence or more, but the report's are at {delta.confidence:.4%}; "
                "evaluate the child again"
            )
        return delta

    def _violations(self, report: EvalReport) -> Iterator[str]:
        for delta in report.deltas:
            forgot = delta.delta < -self.retention_drop and delta.hi < 0
            if delta.suite == RETENTION and forgot:
                yield (
                    f"forgetting: {delta.family} {_change(delta)}; at most "
                    f"{100 * self.retention_drop:g} points may be lost"
                )
        for row in report.rows:
            if (row.metric, row.family) == ("unchecked", "all") and row.value > self.max_unchecked:
                yield (
                    f"{row.value:.1%} of the answers on {row.suite} could not be checked; "
                    f"at most {self.max_unchecked:.1%} may be"
                )
        for check in report.safety:
            if not check.passed:
                yield f"safety: {check.check} is {check.value:g}, its limit is {check.limit:g}"

    def _sentence(self, delta: Delta) -> str:
        if delta.lo > self.bar:
            verdict = "above"
        else:
            verdict = "below" if delta.hi < self.bar else "not clearly above"
        return (
            f"{delta.metric} on {delta.suite} {_change(delta)}: {verdict} the bar of "
            f"{100 * self.bar:+g} points"
        )


def _change(delta: Delta) -> str:
    verb = "rose" if delta.delta > 0 else "fell" if delta.delta < 0 else "moved"
    return (
        f"{verb} by {100 * abs(delta.delta):.1f} points ({100 * delta.confidence:.4g} % interval "
        f"{100 * delta.lo:+.1f} to {100 * delta.hi:+.1f}, {delta.n} tasks)"
    )
