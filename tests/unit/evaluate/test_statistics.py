from math import comb
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cladeflow.evaluate import statistics
from cladeflow.evaluate.statistics import (
    bootstrap_mean,
    bootstrap_of_sums,
    bootstrap_ratio,
    corrected_confidence,
    exact_mcnemar,
    hierarchical_bootstrap,
    keyed_generator,
    majority_score,
    paired_bootstrap,
    paired_t_interval,
    pass_at_k,
)


def test_pass_at_k_by_hand() -> None:
    assert pass_at_k(4, 1, 2) == pytest.approx(1 - 3 / 6)
    assert pass_at_k(10, 3, 5) == pytest.approx(1 - 21 / 252)
    assert pass_at_k(4, 0, 4) == 0
    assert pass_at_k(4, 1, 4) == 1


@given(n=st.integers(1, 12), data=st.data())
def test_pass_at_k_is_the_share_of_subsets_with_a_correct_sample(
    n: int, data: st.DataObject
) -> None:
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    without = sum(mask.bit_count() == k and mask & ((1 << c) - 1) == 0 for mask in range(1 << n))
    assert pass_at_k(n, c, k) == pytest.approx(1 - without / comb(n, k))


def test_majority_by_hand() -> None:
    assert majority_score(["7", "7", "8"], [1, 1, 0]) == 1
    assert majority_score(["7", "8", "8"], [1, 0, 0]) == 0
    assert majority_score(["7", "8"], [1, 0]) == 0.5
    assert majority_score(["7", None, None], [1, 0, 0]) == 1
    assert majority_score([None, None], [0, 0]) == 0
    assert majority_score(["7", "7"], [1, 0]) == 0.5


def test_corrected_confidence_by_hand() -> None:
    assert corrected_confidence(0.95, 1) == pytest.approx(0.95)
    assert corrected_confidence(0.95, 2) == pytest.approx(1 - 0.3 * 0.05 / 2)
    assert corrected_confidence(0.9, 4) == pytest.approx(1 - 0.3 * 0.1 / 12)
    with pytest.raises(ValueError, match="at least 1"):
        corrected_confidence(0.95, 0)


def test_one_sided_errors_of_all_children_stay_within_the_budget() -> None:
    spent = sum((1 - corrected_confidence(0.95, k)) / 2 for k in range(1, 5000))
    assert 0.0324 < spent <= 0.65 * 0.05


@pytest.mark.parametrize(
    ("wins", "losses", "p"),
    [(0, 0, 1), (5, 0, 1 / 32), (0, 5, 1), (5, 1, 7 / 64), (10, 2, 79 / 4096), (3, 3, 42 / 64)],
)
def test_exact_mcnemar_by_hand(wins: int, losses: int, p: float) -> None:
    """Of 6 differing tasks, 5 or 6 go to the child in 6 + 1 of 2^6 cases; and so on."""
    assert exact_mcnemar(wins, losses) == pytest.approx(p)


def test_a_bootstrap_of_sums_of_single_tasks_is_the_one_of_their_mean() -> None:
    scores = [1.0, 0.0, 0.0, 1.0, 1.0]
    plain = bootstrap_mean(scores)
    rows = [[score, 1.0] for score in scores]
    found = bootstrap_of_sums(
        rows, lambda sums: sums[..., 0] / sums[..., 1], pseudo=[[0, 1], [1, 1]], key="k"
    )
    assert found == pytest.approx(plain)


def test_a_bootstrap_ratio_of_single_values_is_the_bootstrap_of_their_mean() -> None:
    scores = [0.0, 1.0, 1.0, 0.0, 1.0]
    assert bootstrap_ratio(scores, [1] * 5, key="k") == bootstrap_mean(scores)


def test_attempts_that_agree_within_their_task_narrow_nothing() -> None:
    right = [0, 1, 1, 0, 1, 0]
    once = bootstrap_ratio(right, [1] * 6, key="k")
    often = bootstrap_ratio([8 * r for r in right], [8] * 6, key="k")
    assert often == once and once.n == 6


def test_a_bootstrap_ratio_by_hand() -> None:
    found = bootstrap_ratio([6.0, 0.0], [2, 1], key="k", bounds=None)
    # resamples of two tasks: 12/4, 6/3, 0/2
    assert (found.value, found.lo, found.hi) == (2.0, 0.0, 3.0)


def test_resamples_are_a_function_of_the_tasks_and_the_key() -> None:
    totals, counts = np.random.default_rng(0).random(20), [1, 2] * 10
    first = bootstrap_ratio(totals, counts, key="a")
    assert (
        first
        == bootstrap_ratio(totals, counts, key="a")
        != bootstrap_ratio(totals, counts, key="b")
    )


def test_resampled_rows_keep_together_and_have_the_bootstrap_moments() -> None:
    sample = np.array([0.0, 0.25, 0.25, 1.0, 3.0])
    means = statistics.resampled_rows(np.stack([sample, 2 * sample], 1), key="m", confidence=0.9996)
    assert means.shape == (100_000, 2)
    assert np.allclose(means[:, 1], 2 * means[:, 0])
    assert means[:, 0].mean() == pytest.approx(sample.mean(), abs=0.01)
    assert means[:, 0].std() == pytest.approx(sample.std() / 5**0.5, rel=0.01)


def test_resampled_means_have_the_bootstrap_moments() -> None:
    sample = np.array([0.0, 0.25, 0.25, 1.0, 3.0])
    means = statistics._resampled_means(sample, 100_000, keyed_generator("moments"))
    assert means.mean() == pytest.approx(sample.mean(), abs=0.01)
    assert means.std() == pytest.approx(sample.std() / 5**0.5, rel=0.01)


def test_bounds_agree_with_the_normal_interval_of_the_adjusted_sample() -> None:
    wins, losses, n = 60, 40, 400
    child = np.repeat([1.0, 0.0, 1.0], [wins, losses, n - wins - losses])
    baseline = np.repeat([0.0, 1.0, 1.0], [wins, losses, n - wins - losses])
    found = paired_bootstrap(child, baseline)
    share = (wins + losses + 2) / (n + 2)
    mean = (wins - losses) / (n + 2)
    half = 1.96 * ((share - mean**2) / (n + 2)) ** 0.5
    assert found.value == pytest.approx(0.05)
    assert found.n == n
    assert found.lo == pytest.approx(mean - half, abs=0.002)
    assert found.hi == pytest.approx(mean + half, abs=0.002)


def test_equal_scores_still_have_an_interval() -> None:
    perfect = bootstrap_mean(np.ones(100))
    assert perfect.value == perfect.hi == 1
    assert 0.95 < perfect.lo < 0.99
    same = paired_bootstrap(np.ones(100), np.ones(100))
    assert same.value == 0
    assert -0.05 < same.lo < 0 < same.hi < 0.05


@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=40))
def test_interval_holds_the_estimate_and_stays_within_bounds(scores: list[float]) -> None:
    found = bootstrap_mean(scores)
    assert 0 <= found.lo <= found.value <= found.hi <= 1


def test_more_confidence_is_wider() -> None:
    scores = np.array([0.0, 1.0] * 100)
    narrow = bootstrap_mean(scores, confidence=0.95)
    wide = bootstrap_mean(scores, confidence=corrected_confidence(0.95, 5))
    assert wide.lo < narrow.lo < narrow.hi < wide.hi


def test_t_interval_by_hand() -> None:
    found = paired_t_interval([0.1, 0.2, 0.3, 0.2, 0.2])
    # mean 0.2, sd 0.0707107, t(4, 0.975) = 2.776445
    half = 2.776445 * 0.0707107 / 5**0.5
    assert found == pytest.approx((0.2, 0.2 - half, 0.2 + half, 5), abs=1e-6)


def test_hierarchical_bootstrap_covers_both_sources_of_variance() -> None:
    rng = keyed_generator("hierarchy")
    means = [0.0, 0.1, 0.2, 0.3, 0.4]
    seeds = [rng.normal(mean, 0.5, size=size) for mean, size in zip(means, [50] * 5, strict=True)]
    found = hierarchical_bootstrap(seeds, key="h")
    centre = np.array([seed.mean() for seed in seeds])
    spread = (centre.var() / 5 + np.mean([seed.var() / 50 for seed in seeds]) / 5) ** 0.5
    assert found.value == pytest.approx(centre.mean())
    assert found.n == 5
    assert (found.hi - found.lo) / 2 == pytest.approx(1.96 * spread, rel=0.05)


def test_hierarchical_bootstrap_of_one_task_per_seed_draws_seeds_only() -> None:
    found = hierarchical_bootstrap([[1.0], [1.0], [1.0]], key="h")
    assert found == (1, 1, 1, 3)


def test_keyed_generators_differ_by_key_alone() -> None:
    key = str(Random(0).random())
    assert keyed_generator(key).random() == keyed_generator(key).random()
    assert keyed_generator(key).random() != keyed_generator(key + "x").random()
