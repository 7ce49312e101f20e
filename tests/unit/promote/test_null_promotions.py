"""How often does the gate promote children that are no better? Run as a script for the table."""

import sys
from collections.abc import Callable
from functools import cache, partial

import numpy as np
import pytest

from cladeflow.evaluate.statistics import bootstrap_mean, corrected_confidence, keyed_generator

TASKS = 400


@cache
def _passes(wins: int, losses: int, confidence: float) -> bool:
    """Whether a child with these discordant tasks has a lower bound above 0."""
    if wins <= losses:
        return False
    differences = np.repeat([1.0, -1.0, 0.0], [wins, losses, TASKS - wins - losses])
    key = f"{wins}/{losses}"
    interval = bootstrap_mean(differences, key=key, confidence=confidence, bounds=(-1, 1))
    return interval.lo > 0


def promotion_rate(
    discordance: float,
    confidence: Callable[[int], float],
    *,
    generations: int,
    trials: int,
    improvement: float = 0.0,
) -> float:
    """Share of evolutions that promote at least one child.

    Each generation's child answers a share ``discordance`` of the tasks otherwise than the
    incumbent, and is better by ``improvement``.
    """
    rng = keyed_generator(f"null/{discordance}/{generations}/{improvement}")
    wins, losses = (discordance + improvement) / 2, (discordance - improvement) / 2
    odds = [wins, losses, 1 - discordance]
    drawn = rng.multinomial(TASKS, odds, size=(trials, generations)).tolist()
    promoted = [
        any(_passes(won, lost, confidence(k)) for k, (won, lost, _) in enumerate(run, 1))
        for run in drawn
    ]
    return float(np.mean(promoted))


def corrected(tried: int) -> float:
    return corrected_confidence(0.95, tried)


@pytest.mark.parametrize("discordance", [0.05, 0.2, 0.4])
def test_five_generations_without_improvement_rarely_promote(discordance: float) -> None:
    rate = promotion_rate(discordance, corrected, generations=5, trials=300)
    assert rate <= 0.05


def test_uncorrected_intervals_would_promote_too_often() -> None:
    assert promotion_rate(0.05, lambda _: 0.95, generations=5, trials=300) > 0.05


def test_a_clear_improvement_is_promoted_at_once() -> None:
    rate = promotion_rate(0.3, corrected, generations=1, trials=300, improvement=0.1)
    assert rate > 0.9


def _always_as(child: int, _: int) -> float:
    return corrected(child)


if __name__ == "__main__":
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    print("no improvement\ndiscordance  generations    corrected  shares 1/k  uncorrected")
    for generations in (5, 20):
        for discordance in (0.05, 0.2, 0.4):
            rates = [
                promotion_rate(discordance, rule, generations=generations, trials=trials)
                for rule in (corrected, lambda k: 1 - 0.05 / k, lambda _: 0.95)
            ]
            cells = "".join(f"{rate:13.1%}" for rate in rates)
            print(f"{discordance:11.0%}{generations:13d}{cells}", flush=True)
    print("one child, 30 % discordance\nimprovement  as child 1  as child 2  as child 5")
    for improvement in (0.04, 0.06, 0.08, 0.1):
        rates = [
            promotion_rate(
                0.3,
                partial(_always_as, tried),
                generations=1,
                trials=trials,
                improvement=improvement,
            )
            for tried in (1, 2, 5)
        ]
        print(f"{improvement:11.0%}" + "".join(f"{rate:12.1%}" for rate in rates), flush=True)
