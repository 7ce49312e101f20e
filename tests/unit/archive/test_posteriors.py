"""Exact Thompson draws: the same distribution as drawing every agent, whatever the bar."""

import numpy as np
import pytest
from scipy.special import betaincinv
from scipy.stats import chi2_contingency, chisquare

from cladeflow.archive.posteriors import Posteriors, grouped, low_percentile
from tests.trees import grown

DRAWS = 5_000


def winners(posteriors: Posteriors, n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.bincount([posteriors.highest(rng) for _ in range(DRAWS)], minlength=n)


def plainly(ok: np.ndarray, fail: np.ndarray, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    drawn = rng.beta(1 + ok, 1 + fail, size=(DRAWS, len(ok)))
    return np.bincount(drawn.argmax(axis=1), minlength=len(ok))


@pytest.mark.parametrize("tasks", [3, 30])
def test_as_often_as_by_drawing_all(tasks: int) -> None:
    columns = grown(300, tasks, seed=tasks)
    ok, fail = columns.clade_ok, columns.clade_fail
    here = winners(Posteriors(ok, fail), len(ok), seed=1)
    there = plainly(ok, fail, seed=2)
    often = here + there >= 40  # rare winners are one bin of the test
    table = [[*drawn[often], drawn[~often].sum()] for drawn in (here, there)]
    assert len(table[0]) > 3
    assert chi2_contingency(table).pvalue > 0.001


@pytest.mark.parametrize("bar", [0.05, 0.5, 0.7, 0.95, 1.0])
def test_the_bar_changes_nothing_but_the_time(bar: float, monkeypatch: pytest.MonkeyPatch) -> None:
    # Beta(2, 1) twice and Beta(1, 1): P(the last wins) = ∫ x⁴ dx = 1/5, the others 2/5 each.
    monkeypatch.setattr(Posteriors, "_find_bar", lambda self: bar)
    posteriors = Posteriors(np.array([1, 0, 1]), np.array([0, 0, 0]))
    drawn = winners(posteriors, 3, seed=7)
    assert chisquare(drawn, DRAWS * np.array([0.4, 0.2, 0.4])).pvalue > 0.001


def test_equal_agents_win_equally_often() -> None:
    drawn = winners(Posteriors(np.full(40, 7), np.full(40, 3)), 40, seed=3)
    assert chisquare(drawn).pvalue > 0.001


def test_one_agent_and_one_that_outdoes_all_others() -> None:
    rng = np.random.default_rng(0)
    assert Posteriors(np.array([0]), np.array([0])).highest(rng) == 0
    outdone = Posteriors(np.array([10, 10**6, 10]), np.array([90, 10, 90]))
    assert {outdone.highest(rng) for _ in range(200)} == {1}


def test_about_a_dozen_of_many_agents_are_drawn() -> None:
    columns = grown(20_000, 60)
    posteriors = Posteriors(columns.clade_ok, columns.clade_fail)
    assert 8 <= posteriors._sums[-1] <= 50


def test_groups_hold_every_agent_once_with_its_counts() -> None:
    ok, fail = np.array([2, 0, 2, 1, 0]), np.array([1, 3, 1, 2, 3])
    groups = grouped(ok, fail)
    assert sorted(groups.order) == [0, 1, 2, 3, 4]
    found = {
        (int(o), int(f)): groups.order[start : start + size].tolist()
        for start, size, o, f in zip(
            groups.starts, groups.sizes, groups.ok, groups.fail, strict=True
        )
    }
    assert found == {(0, 3): [1, 4], (1, 2): [3], (2, 1): [0, 2]}


def test_low_percentiles_are_the_posteriors_own() -> None:
    ok, fail = np.array([2, 0, 2, 9]), np.array([1, 3, 1, 0])
    expected = betaincinv(1.0 + ok, 1.0 + fail, 0.1)
    assert low_percentile(ok, fail, 0.1) == pytest.approx(expected)
    # Beta(10, 1) has the distribution function x^10.
    assert low_percentile(ok, fail, 0.1)[3] == pytest.approx(0.1**0.1)
