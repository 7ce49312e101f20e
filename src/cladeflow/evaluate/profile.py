"""How even is an agent over families? Differences in its worst and its typical family."""

from collections.abc import Callable, Mapping

import numpy as np

from cladeflow.evaluate.scores import Scores, delta_of
from cladeflow.evaluate.statistics import Floats, Interval, percentile_bounds, resampled_rows
from cladeflow.records import Delta

_PSEUDO = ((0.0, 1.0), (1.0, 0.0))
"""Two pseudo-tasks per family, as everywhere: without them equal scores give no width."""


def worst_decile(families: Floats) -> Floats:
    """[..., F] to [...]: mean of the lowest tenth of the families, of one at least."""
    lowest = np.sort(families, axis=-1)[..., : -(-families.shape[-1] // 10)]
    return np.asarray(lowest.mean(axis=-1))


MEASURES: Mapping[str, Callable[[Floats], Floats]] = {
    "worst_decile": worst_decile,
    "median_family": lambda families: np.asarray(np.median(families, axis=-1)),
    "mean_family": lambda families: np.asarray(families.mean(axis=-1)),
}
"""Measures of a profile, [..., F] to [...]."""


def profile_deltas(
    child: Scores, baseline: Scores, metric: str, *, confidence: float, key: str
) -> tuple[Delta, ...]:
    """Paired differences in every measure of `MEASURES`, each family counted once.

    u_f = mean over the tasks of family f of (score - min_f) / (max_f - min_f), with the least and
    greatest score that either agent has in the family: whatever scale a family's scores have, it
    weighs like any other (0 where all scores are equal). The profile of an agent is (u_1 … u_F);
    the intervals come from a bootstrap over the tasks within each family. Families in which no
    task has both values are left out. Source: normalised percentiles of XLand (Open-Ended Learning
    Team 2021, arXiv:2107.12808), with the pair's own range for the best known response.
    """
    pairs = [child.pairs(baseline, at, metric) for at in child.families_of().values()]
    scaled = [_scaled(*pair) for pair in pairs if len(pair[0])]
    if not scaled:
        return ()
    plain = np.array([pair.mean(axis=0) for pair in scaled])
    drawn = np.stack(
        [
            resampled_rows(
                np.concatenate([pair, _PSEUDO]),
                key=f"{key}/{child.suite}/profile/{metric}/{index}",
                confidence=confidence,
            )
            for index, pair in enumerate(scaled)
        ],
        axis=1,
    )
    n = sum(map(len, scaled))
    deltas = []
    for name, measure in MEASURES.items():
        lo, hi = percentile_bounds(measure(drawn[..., 0]) - measure(drawn[..., 1]), confidence)
        value = float(measure(plain[:, 0]) - measure(plain[:, 1]))
        found = Interval(value, lo, hi, n)
        deltas.append(delta_of(found, suite=child.suite, metric=name, confidence=confidence))
    return tuple(deltas)


def _scaled(mine: Floats, theirs: Floats) -> Floats:
    """[T, 2] both agents' scores on the family's own range."""
    both = np.stack([mine, theirs], axis=1)
    least, greatest = both.min(), both.max()
    return (both - least) / (greatest - least) if greatest > least else np.zeros_like(both)
