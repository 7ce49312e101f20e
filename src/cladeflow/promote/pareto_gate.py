"""Promote what is better in some respect and worse in none, families counted alike."""

from collections.abc import Iterator

from pydantic import Field

from cladeflow.evaluate.profile import MEASURES
from cladeflow.evaluate.statistics import corrected_confidence
from cladeflow.promote.base import Gate
from cladeflow.promote.guardrails import Guardrails
from cladeflow.promote.wording import change
from cladeflow.records import Decision, Delta, EvalReport

TOKENS = "tokens"
"""The one objective of which less is better."""


class ParetoGate(Gate, name="pareto_gate", version=1):
    """Pareto dominance over J objectives o, as far as paired intervals tell.

    With Δ_o = o(child) - o(incumbent), for tokens the other way round, and [lo_o, hi_o] its
    interval at the confidence 1 - a_k / J (a_k = 1 - the confidence corrected for the k children
    tried; divided because any of the J objectives may promote):

    - fail: hi_o < 0 for some objective or, where ``families`` holds, for the score of some single
      family; or a guardrail is violated;
    - pass: otherwise, and lo_o > 0 for some objective;
    - inconclusive: otherwise, and where child and incumbent are the same agent.

    The objectives are those of a profile u_1 … u_F over families, each on the scale of its own
    least and greatest score so that families with incomparable rewards weigh alike
    (`evaluate/profile.py`): ``worst_decile`` = mean of the lowest ⌈F / 10⌉ of the u_f,
    ``median_family``, ``mean_family``; and ``tokens`` per answer. So a child that lifts the mean
    while one family falls to nothing fails, and one that lifts the worst family alone passes.
    Source: normalised percentiles of XLand (arXiv:2107.12808); cost as an objective: PeRFICS
    (Shashidhar et al. 2023, arXiv:2310.07611).
    """

    suite: str = "frontier"
    objectives: tuple[str, ...] = Field(
        default=("worst_decile", "median_family", "mean_family", TOKENS), min_length=1
    )
    families: bool = True
    """Whether a single family's fall is a failure."""
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    guardrails: Guardrails = Guardrails()

    def required(self) -> frozenset[str]:
        """The differences to decide on, and what the guardrails need."""
        return self.guardrails.required() | {f"delta:{self.suite}/{o}" for o in self.objectives}

    def interval_confidence(self, tried: int) -> float:
        """Corrected for the objectives and the children tried."""
        shared = 1 - (1 - self.confidence) / len(self.objectives)
        return corrected_confidence(shared, tried)

    def decide(self, report: EvalReport, tried: int) -> Decision:
        """Raises `CladeflowError` for a report without the intervals that the gate needs."""
        metric = "accuracy" if MEASURES.keys() & set(self.objectives) else self.objectives[0]
        if unfit := self.incomparable(report, self.suite, metric):
            return self.decision(report, tried, "inconclusive", unfit)
        found = [self._oriented(report, objective, tried) for objective in self.objectives]
        better = [f"better: {_said(delta)}" for delta in found if delta.lo > 0]
        worse = [f"worse: {_said(delta)}" for delta in found if delta.hi < 0]
        worse += self._fallen(report) if self.families else ()
        worse += self.guardrails.violations(report)
        if worse:
            return self.decision(report, tried, "fail", *worse, *better)
        if better:
            return self.decision(report, tried, "pass", *better)
        undecided = f"neither better nor worse for certain in {', '.join(self.objectives)}"
        return self.decision(report, tried, "inconclusive", undecided)

    def _oriented(self, report: EvalReport, objective: str, tried: int) -> Delta:
        """An objective's difference, more being better."""
        delta = self.difference(report, self.suite, objective, tried)
        if objective != TOKENS:
            return delta
        turned = {"delta": -delta.delta, "lo": -delta.hi, "hi": -delta.lo}
        return delta.model_copy(update=turned)

    def _fallen(self, report: EvalReport) -> Iterator[str]:
        for delta in report.deltas:
            one = (delta.suite, delta.metric) == (self.suite, "accuracy") and delta.family != "all"
            if one and delta.hi < 0:
                yield f"worse: {delta.family} {change(delta)}"


def _said(delta: Delta) -> str:
    if delta.metric == TOKENS:
        verb = "saves" if delta.delta > 0 else "takes"
        return (
            f"{verb} {abs(delta.delta):.1f} tokens per answer ({delta.lo:+.1f} to {delta.hi:+.1f})"
        )
    return f"{delta.metric} on {delta.suite} {change(delta)}"
