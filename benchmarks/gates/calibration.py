"""Evolutions without any improvement, decided by the real gate."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtri

from cladeflow.evaluate.scores import delta_of
from cladeflow.evaluate.statistics import Interval, keyed_generator, paired_bootstrap
from cladeflow.promote import ThresholdGate
from cladeflow.promote.evidence import Test
from cladeflow.records import EvalReport

Counts = NDArray[np.int64]

CHILDREN = 10
"""Tried one after the other, none of them promoted."""


@dataclass(frozen=True)
class Suite:
    """A gate on tasks that are right or wrong."""

    test: Test
    tasks: int

    def passes(self, wins: int, losses: int, tried: int) -> bool:
        """What the gate says of a child that alone solved ``wins`` tasks, the incumbent losses."""
        gate = ThresholdGate(metric="greedy", test=self.test)
        confidence = gate.interval_confidence(tried)
        delta = delta_of(
            self._interval(wins, losses, confidence),
            suite="frontier",
            metric="greedy",
            confidence=confidence,
            wins=wins,
            losses=losses,
        )
        report = EvalReport(
            agent_id="child", baseline_id="incumbent", suite="s", seeds=(0,), deltas=(delta,)
        )
        return gate.decide(report, tried).outcome == "pass"

    def _interval(self, wins: int, losses: int, confidence: float) -> Interval:
        sizes = [wins, losses, self.tasks - wins - losses]
        child, incumbent = np.repeat([1.0, 0.0, 0.0], sizes), np.repeat([0.0, 1.0, 0.0], sizes)
        if self.test == "mcnemar":  # which looks at no interval
            return Interval(float((child - incumbent).mean()), -1.0, 1.0, self.tasks)
        return paired_bootstrap(child, incumbent, confidence=confidence)


@cache
def _passes(suite: Suite, wins: int, losses: int, tried: int) -> bool:
    return suite.passes(wins, losses, tried)


def _decided(suite: Suite, wins: Counts, losses: Counts, tried: int) -> NDArray[np.bool_]:
    """[trials] what the gate says; it is asked wherever it could be in doubt.

    Where the standardised difference is below 0.7 or above 1.5 times what a normal interval asks
    for, no test of these passes, or all do.
    """
    gate = ThresholdGate(metric="greedy", test=suite.test)
    z = ndtri((1 + gate.interval_confidence(tried)) / 2)
    score = (wins - losses) / np.sqrt(np.maximum(wins + losses, 1))
    found = score > 1.5 * z
    for at in np.flatnonzero((score > 0.7 * z) & ~found):
        found[at] = _passes(suite, int(wins[at]), int(losses[at]), tried)
    return np.asarray(found)


def promoted(
    suite: Suite, discordance: float, *, trials: int, children: int = CHILDREN
) -> NDArray[np.bool_]:
    """[trials] whether an evolution promotes one of its children, all of them no better.

    Incumbent and children have the same expected accuracy and err independently: a child differs
    on a share ``discordance`` of the tasks, to its advantage or disadvantage with equal chance.
    """
    rng = keyed_generator(f"gates/{suite.tasks}/{discordance}")
    odds = [discordance / 2, discordance / 2, 1 - discordance]
    drawn = rng.multinomial(suite.tasks, odds, size=(trials, children))
    decided = [
        _decided(suite, drawn[:, child, 0], drawn[:, child, 1], child + 1)
        for child in range(children)
    ]
    return np.any(decided, axis=0)


def graded(discordance: float, *, tasks: int, samples: int, trials: int) -> NDArray[np.bool_]:
    """[trials] whether a first child that is no better passes by ``accuracy``.

    A task's score is the mean of a greedy answer and the mean of ``samples`` others, every one
    right with the task's chance p, which is drawn so that two answers differ on ``discordance``.
    """
    rng = keyed_generator(f"gates/graded/{tasks}/{discordance}")
    gate, certain = ThresholdGate(), 1 - 2 * discordance
    confidence = gate.interval_confidence(1)
    found = []
    for _ in range(trials):
        sure = rng.random(tasks) < certain
        chance = np.where(sure, (rng.random(tasks) < 0.5).astype(float), 0.5)
        child, incumbent = (
            (rng.binomial(1, chance) + rng.binomial(samples, chance) / samples) / 2
            for _ in range(2)
        )
        interval = paired_bootstrap(child, incumbent, confidence=confidence)
        found.append(interval.lo > gate.bar)
    return np.array(found)


def upper_bound(hits: int, trials: int, confidence: float = 0.99) -> float:
    """One-sided upper bound of a share (Clopper and Pearson 1934)."""
    return 1.0 if hits == trials else float(betaincinv(hits + 1, trials - hits, confidence))


def rate(hits: NDArray[np.bool_]) -> tuple[float, float]:
    """A share and the upper bound of it."""
    return float(hits.mean()), upper_bound(int(hits.sum()), len(hits))
