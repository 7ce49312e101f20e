"""What a suite can detect: the chance that a gate passes a child that is better by so much."""

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtri, xlogy
from scipy.stats import binom

from cladeflow.evaluate.statistics import Floats

Test = Literal["bootstrap", "mcnemar", "both"]


def passing(test: Test, tasks: int, confidence: float) -> NDArray[np.bool_]:
    """[T + 1, T + 1] whether a child with w wins and l losses of T tasks passes, at [w, l].

    The bootstrap by its normal approximation, with the two pseudo-tasks: m - z s > 0 with
    m = (w - l) / (T + 2) and s² = ((w + l + 2) / (T + 2) - m²) / (T + 2). McNemar exactly.
    """
    wins, losses = np.ogrid[: tasks + 1, : tasks + 1]
    if test == "both":
        return passing("bootstrap", tasks, confidence) & passing("mcnemar", tasks, confidence)
    if test == "mcnemar":
        p = binom.sf(wins - 1, wins + losses, 0.5)
        return np.asarray(p <= (1 - confidence) / 2)
    n = tasks + 2
    mean = (wins - losses) / n
    spread = np.sqrt(np.maximum((wins + losses + 2) / n - mean**2, 0) / n)
    return np.asarray(mean > ndtri((1 + confidence) / 2) * spread)


def power(
    test: Test, *, tasks: int, discordance: float, improvement: float, confidence: float
) -> float:
    """Chance that a child passes which is better by ``improvement``.

    Child and incumbent differ in correctness on a share ``discordance`` of the tasks, which differ
    independently: wins ~ discordance + improvement over 2, losses the rest of it (a trinomial,
    summed exactly). Without an improvement this is the gate's rate of errors.
    """
    chances = _trinomial(tasks, (discordance + improvement) / 2, (discordance - improvement) / 2)
    return float(chances[passing(test, tasks, confidence)].sum())


def detectable(
    test: Test, *, tasks: int, discordance: float, confidence: float, wanted: float = 0.8
) -> float | None:
    """Least improvement that passes with the chance ``wanted``, to a tenth of a point.

    None where not even an improvement by the whole ``discordance`` does.
    """
    allowed = passing(test, tasks, confidence)
    steps = np.arange(1, round(discordance * 1000) + 1) / 1000

    def enough(improvement: float) -> bool:
        wins, losses = (discordance + improvement) / 2, (discordance - improvement) / 2
        return bool(_trinomial(tasks, wins, losses)[allowed].sum() >= wanted)

    low, high = 0, len(steps)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(float(steps[middle])) else (middle + 1, high)
    return float(steps[low]) if low < len(steps) else None


def _trinomial(tasks: int, win: float, loss: float) -> Floats:
    """[T + 1, T + 1] chance of w wins and l losses, at [w, l]."""
    wins, losses = np.ogrid[: tasks + 1, : tasks + 1]
    ties = tasks - wins - losses
    logs = _arrangements(tasks) + xlogy(wins, win) + xlogy(losses, max(loss, 0.0))
    logs = logs + xlogy(np.maximum(ties, 0), max(1 - win - loss, 0.0))
    chances: Floats = np.where(ties >= 0, np.exp(logs), 0.0)
    return chances


@lru_cache(maxsize=4)
def _arrangements(tasks: int) -> Floats:
    """Logarithm of T! / (w! l! (T - w - l)!)."""
    wins, losses = np.ogrid[: tasks + 1, : tasks + 1]
    ties = np.maximum(tasks - wins - losses, 0)
    found: Floats = gammaln(tasks + 1) - gammaln(wins + 1) - gammaln(losses + 1) - gammaln(ties + 1)
    return found
