"""Intervals and estimators over tasks. Scores are per task: arrays of shape [T] without nan.

Two-sided intervals throughout; ``confidence`` is their coverage. Every random draw comes from a
generator keyed by a string, so a report is the same report wherever it is computed.
"""

import hashlib
from collections.abc import Callable, Sequence
from math import ceil, comb
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from cladeflow.evaluate.exact import Floats as Floats
from cladeflow.evaluate.exact import mean_bounds


class Interval(NamedTuple):
    """An estimate, its bounds, and the number of tasks (or seeds) it rests on."""

    value: float
    lo: float
    hi: float
    n: int


def keyed_generator(key: str) -> np.random.Generator:
    """A generator of its own for ``key`` (sha256 → Philox)."""
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:16], "big")
    return np.random.Generator(np.random.Philox(key=seed))


def corrected_confidence(confidence: float, tried: int) -> float:
    """Confidence of the interval for the ``tried``-th child since the last promotion.

    Weighted Bonferroni: with a = 1 - confidence, child 1 gets a_1 = a, child k > 1 gets
    a_k = 0.3 a / (k (k - 1)). So the first one is tested at the plain confidence, and the one-sided
    errors a_k / 2 of all children, however many there will be, add up to 0.65 a. What is left of a
    is for what intervals over few tasks get wrong. Equal shares would need the number of children
    in advance, and shares a / k add up without bound.

    Raises:
        ValueError: ``tried`` is below 1.
    """
    if tried < 1:
        raise ValueError(f"tried counts the child under test, so it is at least 1, not {tried}")
    share = 1.0 if tried == 1 else 0.3 / (tried * (tried - 1))
    return 1 - share * (1 - confidence)


def exact_mcnemar(wins: int, losses: int) -> float:
    """One-sided p value of McNemar's exact test that the child is no better.

    P(X >= wins), X ~ Binomial(wins + losses, 1/2): tasks that only one of the two agents solved go
    to either with the same chance where neither is better (McNemar 1947, exact as in Dixon and
    Mood's sign test). In exact integers; 1 where the two never differ.
    """
    n = wins + losses
    return float(sum(comb(n, i) for i in range(wins, n + 1)) / 2**n)


def bootstrap_mean(
    scores: ArrayLike,
    *,
    confidence: float = 0.95,
    bounds: tuple[float, float] | None = (0.0, 1.0),
) -> Interval:
    """Percentile bootstrap of the mean of ``scores`` [T] over tasks; over all resamples, not some.

    The plain percentile interval (Efron and Tibshirani 1993, chapter 13) is too narrow where
    almost all scores agree, and has no width where all do. So where the scores have ``bounds``,
    one pseudo-task at each bound joins the sample that is drawn from: for paired binary scores
    this is the adjustment of Bonett and Price (2012), for one proportion the rule of succession.
    The estimate itself is the plain mean. BCa corrects skewness, which a mean over hundreds of
    tasks hardly has, and has no width for equal scores either; docs/statistics.md has the coverage.

    Args:
        scores: [T], T ≥ 1.
        confidence: Coverage of the interval.
        bounds: Least and greatest possible score; None for unbounded ones such as token counts.
    """
    sample = np.asarray(scores, dtype=np.float64)
    drawn_from = sample if bounds is None else np.concatenate([sample, bounds])
    return Interval(float(sample.mean()), *mean_bounds(drawn_from, confidence), len(sample))


def paired_bootstrap(
    child: ArrayLike,
    baseline: ArrayLike,
    *,
    confidence: float = 0.95,
    bounds: tuple[float, float] | None = (-1.0, 1.0),
) -> Interval:
    """Bootstrap of mean(child - baseline) over tasks; both [T], of the same tasks.

    The pairing takes the difficulty of the tasks out of the interval. ``bounds`` are those of the
    differences: scores lie in [0, 1] unless told otherwise.
    """
    difference = np.asarray(child, dtype=np.float64) - np.asarray(baseline, dtype=np.float64)
    return bootstrap_mean(difference, confidence=confidence, bounds=bounds)


def bootstrap_of_sums(
    rows: ArrayLike,
    measure: Callable[[Floats], Floats],
    *,
    pseudo: ArrayLike,
    key: str,
    confidence: float = 0.95,
) -> Interval:
    """Percentile bootstrap over tasks of a measure of sums, such as a difference of two F1 scores.

    As `bootstrap_mean`, for what is no mean over tasks: resamples are drawn from the tasks and the
    ``pseudo``-tasks, the estimate is the measure of the plain sums.

    Args:
        rows: [T, C] what each task adds to C sums.
        measure: Sums [..., C] to the measure [...].
        pseudo: [P, C] pseudo-tasks that keep the interval from having no width.
        key: Seeds the resampling.
        confidence: Coverage of the interval.
    """
    sample = np.asarray(rows, dtype=np.float64)
    drawn_from = np.concatenate([sample, np.asarray(pseudo, dtype=np.float64)])
    means = resampled_rows(drawn_from, key=key, confidence=confidence)
    lo, hi = percentile_bounds(measure(means * len(drawn_from)), confidence)
    return Interval(float(measure(sample.sum(axis=0))), lo, hi, len(sample))


def bootstrap_ratio(
    totals: ArrayLike,
    counts: ArrayLike,
    *,
    key: str,
    confidence: float = 0.95,
    bounds: tuple[float, float] | None = (0.0, 1.0),
) -> Interval:
    """Bootstrap over tasks of sum(totals) / sum(counts): a mean over what tasks hold several of.

    Attempts at one task are no independent draws, so tasks are resampled whole (cluster bootstrap,
    Davison and Hinkley 1997, section 3.8). Where what is averaged has ``bounds``, a pseudo-task of
    the mean count joins at each, as in `bootstrap_mean`.

    Args:
        totals: [T] a task's values added up.
        counts: [T] how many those are, at least 1.
        key: Seeds the resampling.
        confidence: Coverage of the interval.
        bounds: Least and greatest possible value; None for unbounded ones.
    """
    size = np.asarray(counts, dtype=np.float64)
    if size.min() == size.max():
        return bootstrap_mean(np.asarray(totals) / size, confidence=confidence, bounds=bounds)
    pseudo = [(bound * size.mean(), size.mean()) for bound in bounds or ()]
    return bootstrap_of_sums(
        np.stack([totals, counts], axis=1),
        lambda sums: sums[..., 0] / sums[..., 1],
        pseudo=np.reshape(pseudo, (-1, 2)),
        key=key,
        confidence=confidence,
    )


def resampled_rows(rows: Floats, *, key: str, confidence: float) -> Floats:
    """Column means of bootstrap resamples of ``rows`` [T, C]: [R, C], enough for ``confidence``."""
    rng, means = keyed_generator(key), np.empty((_resamples(confidence), rows.shape[1]))
    columns = np.ascontiguousarray(rows.T)
    for part in np.array_split(means, len(means) // 1_000):  # views, small enough for the cache
        drawn = rng.integers(len(rows), size=(len(part), len(rows)))
        for at, column in enumerate(columns):
            part[:, at] = column[drawn].mean(axis=1)
    return means


def hierarchical_bootstrap(
    differences: Sequence[ArrayLike], *, key: str, confidence: float = 0.95, resamples: int = 10_000
) -> Interval:
    """Bootstrap of the mean over seeds of the mean over tasks: seeds are drawn, then their tasks.

    Too narrow with few seeds: without an effect, and where seeds differ more than their tasks do,
    its 95 % interval lies above 0 in 13 % of cases with three seeds, 8 % with five and 6 % with
    eight, where 2.5 % is nominal. So report `paired_t_interval` of the per-seed means beside it.

    Args:
        differences: One array [T_s] of per-task differences for each of S seeds.
        key: Seeds the resampling.
        confidence: Coverage of the interval.
        resamples: Number of resamples.
    """
    rng, n_seeds = keyed_generator(key), len(differences)
    seeds = [np.asarray(scores, dtype=np.float64) for scores in differences]
    chosen = rng.integers(n_seeds, size=(resamples, n_seeds))
    means = np.empty(chosen.shape)
    for seed, scores in enumerate(seeds):
        at = chosen == seed
        means[at] = _resampled_means(scores, int(at.sum()), rng)
    lo, hi = percentile_bounds(means.mean(axis=1), confidence)
    return Interval(float(np.mean([scores.mean() for scores in seeds])), lo, hi, n_seeds)


def paired_t_interval(differences: ArrayLike, confidence: float = 0.95) -> Interval:
    """Student's interval of the mean of per-seed ``differences`` [S], S ≥ 2."""
    from scipy.special import stdtrit

    sample = np.asarray(differences, dtype=np.float64)
    n, mean = len(sample), float(sample.mean())
    quantile = float(stdtrit(n - 1, (1 + confidence) / 2))
    half = quantile * float(sample.std(ddof=1)) / n**0.5
    return Interval(mean, mean - half, mean + half, n)


def pass_at_k(n: int, c: int, k: int) -> float:
    """Chance that at least one of k of n samples, c of them correct, is correct.

    1 - C(n - c, k) / C(n, k), the unbiased estimator of Chen et al. 2021 (arXiv 2107.03374),
    equation 1, in exact integers. Needs k ≤ n.
    """
    return 1 - comb(n - c, k) / comb(n, k)


def majority_score(answers: Sequence[str | None], correct: Sequence[float]) -> float:
    """Score of the most frequent answer (self-consistency, Wang et al. 2022, arXiv 2203.11171).

    An answer's score is the mean correctness of the samples that gave it; ties count as their
    mean, what breaking them at random gives on average; None (no answer) does not vote.
    """
    votes: dict[str, list[float]] = {}
    for answer, score in zip(answers, correct, strict=True):
        if answer is not None:
            votes.setdefault(answer, []).append(score)
    most = max(map(len, votes.values()), default=0)
    winners = [sum(scores) / most for scores in votes.values() if len(scores) == most]
    return sum(winners) / len(winners) if winners else 0.0


def _resamples(confidence: float) -> int:
    """Enough for 20 resamples beyond each bound, as long as that stays a matter of a second."""
    return min(max(10_000, ceil(40 / (1 - confidence))), 100_000)


def _resampled_means(sample: Floats, resamples: int, rng: np.random.Generator) -> Floats:
    """Means of bootstrap resamples, [resamples].

    A resample's mean depends only on how often it holds each distinct value, and those counts
    are multinomial: exact, and for the few values that scores take ten times faster than indices.
    """
    values, counts = np.unique(sample, return_counts=True)
    drawn = rng.multinomial(len(sample), counts / len(sample), size=resamples)
    means: Floats = drawn @ values / len(sample)
    return means


def percentile_bounds(draws: Floats, confidence: float) -> tuple[float, float]:
    """Bounds of the central share ``confidence`` of ``draws`` [R]."""
    tail = (1 - confidence) / 2
    lo, hi = np.quantile(draws, [tail, 1 - tail])
    return float(lo), float(hi)
