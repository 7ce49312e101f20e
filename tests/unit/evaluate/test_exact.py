import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from cladeflow.evaluate.exact import mean_bounds


def test_two_draws_by_hand() -> None:
    """Means of two draws from 0 and 1: 0, 1/2 and 1 with chances 1/4, 1/2 and 1/4."""
    scores = np.array([0.0, 1.0])
    assert mean_bounds(scores, 0.4) == (0.5, 0.5)
    assert mean_bounds(scores, 0.6) == (0.0, 1.0)


def test_three_draws_by_hand() -> None:
    """From 0, 0 and 1/2: sums of 0, 1, 2 and 3 halves with chances 8, 12, 6 and 1 in 27."""
    scores = np.array([0.0, 0.0, 0.5])
    assert mean_bounds(scores, 0.5) == (0.0, pytest.approx(1 / 3))  # tails of 6.75 in 27
    assert mean_bounds(scores, 1 - 2 * 0.9 / 27) == (0.0, 0.5)


@pytest.mark.parametrize(("right", "tasks"), [(1, 40), (37, 100), (280, 400)])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.9993])
def test_right_or_wrong_is_binomial(right: int, tasks: int, confidence: float) -> None:
    scores = np.repeat([1.0, 0.0], [right, tasks - right])
    tail = (1 - confidence) / 2
    expected = binom.ppf([tail, 1 - tail], tasks, right / tasks) / tasks
    assert mean_bounds(scores, confidence) == pytest.approx(expected)


def test_scores_that_all_agree_have_no_width() -> None:
    assert mean_bounds(np.full(7, 0.3), 0.95) == (0.3, 0.3)


@given(st.lists(st.integers(-12, 12), min_size=2, max_size=60))
def test_bounds_mirror(values: list[int]) -> None:
    scores = np.array(values) / 12
    lo, hi = mean_bounds(scores, 0.9473)
    assert mean_bounds(-scores, 0.9473) == pytest.approx((-hi, -lo))
    ordered = np.round([scores.min(), lo, scores.mean(), hi, scores.max()], 9)
    assert (np.diff(ordered) >= 0).all()


@pytest.mark.parametrize("tasks", [30, 400])
def test_scores_on_no_lattice_agree_with_resampling(tasks: int) -> None:
    rng = np.random.default_rng(tasks)
    scores = rng.gamma(2.0, 20.0, size=tasks)
    drawn = scores[rng.integers(tasks, size=(40_000, tasks))].mean(axis=1)
    width = np.ptp(np.quantile(drawn, [0.025, 0.975]))
    found = mean_bounds(scores, 0.95)
    assert found == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.01 * width)
