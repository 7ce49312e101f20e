"""How often do the intervals hold the truth? Run as a script for the tables."""

import sys

import numpy as np
import pytest

from cladeflow.evaluate.statistics import (
    bootstrap_mean,
    hierarchical_bootstrap,
    keyed_generator,
    paired_t_interval,
)

Bounds = tuple[float, float] | None


def coverage(odds: dict[float, float], bounds: Bounds, *, tasks: int, trials: int) -> float:
    """Share of 95 % intervals that hold the mean of per-task scores drawn with ``odds``."""
    rng = keyed_generator(f"coverage/{odds}/{tasks}")
    scores, chances = list(odds), list(odds.values())
    truth = float(np.dot(scores, chances))
    found = (
        bootstrap_mean(rng.choice(scores, p=chances, size=tasks), bounds=bounds)
        for _ in range(trials)
    )
    return sum(interval.lo <= truth <= interval.hi for interval in found) / trials


def accuracy(share: float) -> dict[float, float]:
    return {1.0: share, 0.0: 1 - share}


def paired(discordance: float, improvement: float) -> dict[float, float]:
    wins, losses = (discordance + improvement) / 2, (discordance - improvement) / 2
    return {1.0: wins, -1.0: losses, 0.0: 1 - discordance}


@pytest.mark.parametrize(("discordance", "improvement"), [(0.05, 0.0), (0.05, 0.025), (0.3, 0.1)])
def test_paired_intervals_cover(discordance: float, improvement: float) -> None:
    covered = coverage(paired(discordance, improvement), (-1, 1), tasks=200, trials=200)
    assert 0.92 <= covered <= 0.99


def test_pseudo_tasks_mend_the_coverage_of_rare_failures() -> None:
    assert coverage(accuracy(0.98), None, tasks=50, trials=200) < 0.8
    assert coverage(accuracy(0.98), (0, 1), tasks=50, trials=200) > 0.93


def misses(seeds: int, trials: int) -> tuple[float, float]:
    """Share of intervals above 0 without any effect, where only seeds differ: bootstrap and t."""
    rng = keyed_generator(f"misses/{seeds}")
    drawn = rng.normal(size=(trials, seeds))
    bootstrapped = [
        hierarchical_bootstrap(run[:, None], key=str(trial), resamples=2000).lo > 0
        for trial, run in enumerate(drawn)
    ]
    student = [paired_t_interval(run).lo > 0 for run in drawn]
    return float(np.mean(bootstrapped)), float(np.mean(student))


def test_three_seeds_are_too_few_for_the_bootstrap_but_not_for_t() -> None:
    bootstrapped, student = misses(seeds=3, trials=400)
    assert bootstrapped > 0.08
    assert student < 0.05


if __name__ == "__main__":
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    print("95 % intervals     tasks  plain  with pseudo-tasks")
    cases: list[tuple[str, dict[float, float], tuple[float, float]]] = [
        *((f"accuracy {share:.0%}", accuracy(share), (0.0, 1.0)) for share in (0.3, 0.9, 0.99)),
        *(
            (f"discordance {share:.0%}", paired(share, share / 2), (-1.0, 1.0))
            for share in (0.01, 0.05, 0.2, 0.4)
        ),
    ]
    for name, odds, bounds in cases:
        for tasks in (100, 400):
            plain = coverage(odds, None, tasks=tasks, trials=trials)
            adjusted = coverage(odds, bounds, tasks=tasks, trials=trials)
            print(f"{name:18}{tasks:6d}{plain:7.1%}{adjusted:19.1%}", flush=True)
    print("seeds  hierarchical bootstrap above 0  t interval above 0")
    for seeds in (3, 5, 8):
        bootstrapped, student = misses(seeds, trials)
        print(f"{seeds:5d}{bootstrapped:32.1%}{student:20.1%}", flush=True)
