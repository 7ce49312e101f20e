"""Promote what is better by the lower bound of a paired interval, and forgets nothing."""

from typing import Self

from pydantic import Field, model_validator

from cladeflow.evaluate.statistics import corrected_confidence
from cladeflow.promote.base import RetestingGate
from cladeflow.promote.evidence import Test, together, weigh
from cladeflow.promote.guardrails import Guardrails
from cladeflow.promote.reserve import Reserve
from cladeflow.records import Decision, EvalReport


class ThresholdGate(RetestingGate, name="threshold_gate", version=2):
    """Three-way test of Δ = score(child) - score(incumbent) on held-out tasks.

    With [lo, hi] the paired interval of Δ at the confidence corrected for the children tried
    (`corrected_confidence`), b and c the tasks that only the child or only the incumbent solved,
    and X ~ Binomial(b + c, 1/2):

    - pass: lo > bar (``test`` bootstrap), P(X >= b) <= a / 2 with a = 1 - the corrected
      confidence (mcnemar, exact), or both; and every guardrail holds;
    - fail: hi < bar or P(X <= b) <= a / 2, or a guardrail is violated;
    - inconclusive otherwise, where the metric could not be compared, and where child and incumbent
      are the same agent.

    With a ``reserve``, a child that passes has to pass the same test on the next block of it.

    The chance that any of the children tried since a promotion passes without being better is at
    most 1 - confidence, however many there are (docs/statistics.md).
    """

    metric: str = "accuracy"
    suite: str = "frontier"
    bar: float = 0.0
    """What the improvement must exceed, as a share: 0.01 is one point."""
    test: Test = "bootstrap"
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    guardrails: Guardrails = Guardrails()

    @model_validator(mode="after")
    def _bar_is_tested(self) -> Self:
        if self.test != "bootstrap" and self.bar:
            raise ValueError(f"test {self.test} compares with no bar but 0, not with {self.bar:g}")
        return self

    def required(self) -> frozenset[str]:
        """The difference to decide on, and what the guardrails need."""
        at = f"{self.suite}/{self.metric}"
        binary = {f"binary:{at}"} if self.test != "bootstrap" else set()
        return frozenset({f"delta:{at}", *binary}) | self.guardrails.required()

    def interval_confidence(self, tried: int) -> float:
        """The gate's confidence, corrected for the children tried."""
        return corrected_confidence(self.confidence, tried)

    def decide_again(self, report: EvalReport, reserve: Reserve, tried: int) -> Decision:
        """The same test of the same metric on the reserve, at the reserve's confidence."""
        if unfit := self.incomparable(report, self.suite, self.metric):
            return self.decision(report, tried, "inconclusive", f"re-test: {unfit}")
        delta = self.found(report, self.suite, self.metric)
        findings = weigh(self.test, delta, self.bar, reserve.confidence)
        said = (f"re-test on the reserve: {finding.sentence}" for finding in findings)
        return self.decision(report, tried, together(findings), *said)

    def decide(self, report: EvalReport, tried: int) -> Decision:
        """Raises `CladeflowError` for a report without the interval that the gate needs."""
        if unfit := self.incomparable(report, self.suite, self.metric):
            return self.decision(report, tried, "inconclusive", unfit)
        confidence = self.interval_confidence(tried)
        delta = self.difference(report, self.suite, self.metric, tried)
        findings = weigh(self.test, delta, self.bar, confidence)
        violations = tuple(self.guardrails.violations(report))
        outcome = "fail" if violations else together(findings)
        sentences = (finding.sentence for finding in findings)
        return self.decision(report, tried, outcome, *sentences, *violations)
