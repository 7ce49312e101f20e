"""What a difference says of a child by a test: better, worse, or neither for certain."""

from collections.abc import Callable
from typing import Literal, NamedTuple

from cladeflow.errors import CladeflowError
from cladeflow.evaluate.statistics import exact_mcnemar
from cladeflow.promote.wording import change
from cladeflow.records import Delta
from cladeflow.records.report import GateOutcome

Test = Literal["bootstrap", "mcnemar", "both"]


class Finding(NamedTuple):
    """What a test says, and the sentence that it says it with."""

    outcome: GateOutcome
    sentence: str


def by_bootstrap(delta: Delta, bar: float, confidence: float) -> Finding:
    """pass: lo > bar; fail: hi < bar, with the interval that the report has."""
    if delta.lo > bar:
        outcome: GateOutcome = "pass"
    else:
        outcome = "fail" if delta.hi < bar else "inconclusive"
    verdict = {"pass": "above", "fail": "below", "inconclusive": "not clearly above"}[outcome]
    sentence = f"{delta.metric} on {delta.suite} {change(delta)}: {verdict} the bar of "
    return Finding(outcome, f"{sentence}{100 * bar:+g} points")


def by_mcnemar(delta: Delta, bar: float, confidence: float) -> Finding:
    """pass: P(X >= wins) <= a / 2; fail: P(X <= wins) <= a / 2, with a = 1 - confidence.

    X ~ Binomial(wins + losses, 1/2) (`exact_mcnemar`); it knows no bar but 0. Raises
    `CladeflowError` where a task's score is more than right or wrong.
    """
    if delta.wins is None or delta.losses is None:
        raise CladeflowError(
            f"{delta.suite}/{delta.metric} is not right or wrong per task, which McNemar's test "
            "needs; decide on greedy, or set test: bootstrap"
        )
    level = (1 - confidence) / 2
    better = exact_mcnemar(delta.wins, delta.losses)
    worse = exact_mcnemar(delta.losses, delta.wins)
    outcome: GateOutcome = "pass" if better <= level else "inconclusive"
    if worse <= level:
        outcome = "fail"
    sentence = (
        f"{delta.metric} on {delta.suite}: {delta.wins} tasks won, {delta.losses} lost; exact "
        f"McNemar p = {min(better, worse):.2g} one-sided, to be at most {level:.2g}"
    )
    return Finding(outcome, sentence)


TESTS: dict[Test, tuple[Callable[[Delta, float, float], Finding], ...]] = {
    "bootstrap": (by_bootstrap,),
    "mcnemar": (by_mcnemar,),
    "both": (by_bootstrap, by_mcnemar),
}


def weigh(test: Test, delta: Delta, bar: float, confidence: float) -> list[Finding]:
    """What the test, or each of both, says."""
    return [found(delta, bar, confidence) for found in TESTS[test]]


def together(findings: list[Finding]) -> GateOutcome:
    """A pass takes every test, a failure one."""
    outcomes = {finding.outcome for finding in findings}
    if outcomes == {"pass"}:
        return "pass"
    return "fail" if "fail" in outcomes else "inconclusive"
