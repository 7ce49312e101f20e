"""Who becomes a parent: probabilities by hand, frequencies over many draws of fixed seeds."""

from collections import Counter
from dataclasses import replace
from math import exp

import numpy as np
import pytest
from scipy.stats import chisquare

from cladeflow.archive import (
    Best,
    BestOfN,
    CheckpointPool,
    CladeThompson,
    Columns,
    DgmSampling,
    Latest,
    Random,
    Selection,
)
from cladeflow.errors import HomeError
from tests.trees import Row, flat, grown

DRAWS = 5_000
EVERY = [
    Best(),
    BestOfN(),
    CheckpointPool(),
    CladeThompson(),
    DgmSampling(),
    DgmSampling(replacement=False),
    Latest(),
    Random(),
]
ROWS: list[Row] = [(3, 7, 2), (5, 5, 1), (6, 4, 0), (7, 3, 8), (6, 4, 1)]


def sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x))


def assert_drawn_like(selection: Selection, columns: Columns, expected: list[float]) -> None:
    """Frequencies of DRAWS draws agree with the probabilities in proportion to ``expected``."""
    counts = Counter(selection.select(columns, DRAWS, "frequencies"))
    chances = np.array(expected) / sum(expected)
    drawn = [counts[agent] for agent in columns.ids]
    assert sum(drawn) == DRAWS
    possible = chances > 0
    assert all(n == 0 for n, can in zip(drawn, possible, strict=True) if not can)
    assert chisquare(np.array(drawn)[possible], DRAWS * chances[possible]).pvalue > 0.001


def test_dgm_weights_are_sigmoid_of_score_times_inverse_of_children() -> None:
    by_hand = [sigmoid(-2) / 3, sigmoid(0) / 2, sigmoid(1) / 1, sigmoid(2) / 9, sigmoid(1) / 2]
    assert_drawn_like(DgmSampling(), flat(ROWS), by_hand)


def test_dgm_midpoint_of_the_top_three_and_flat_novelty() -> None:
    middle = (0.7 + 0.6 + 0.6) / 3
    novelty = [exp(-((n / 8) ** 3)) for _, _, n in ROWS]
    by_hand = [
        sigmoid(4 * (ok / 10 - middle)) * new for (ok, _, _), new in zip(ROWS, novelty, strict=True)
    ]
    selection = DgmSampling(steepness=4, midpoint="top3_mean", novelty="cubic_exp")
    assert_drawn_like(selection, flat(ROWS), by_hand)


def test_dgm_median_counts_in_median_absolute_deviations() -> None:
    # Scores .3 .5 .6 .7 .6: median .6, deviations .3 .1 0 .1 0, their median .1.
    units = [-3, -1, 0, 1, 0]
    by_hand = [sigmoid(2 * u) / (1 + n) for u, (_, _, n) in zip(units, ROWS, strict=True)]
    assert_drawn_like(DgmSampling(steepness=2, midpoint="median"), flat(ROWS), by_hand)


def test_dgm_median_takes_scores_as_they_are_where_they_do_not_deviate() -> None:
    rows: list[Row] = [(5, 5, 0), (5, 5, 0), (5, 5, 0), (9, 1, 0)]
    by_hand = [0.5, 0.5, 0.5, sigmoid(4)]
    assert_drawn_like(DgmSampling(midpoint="median"), flat(rows), by_hand)


def test_dgm_keeps_better_agents_only_where_told_so() -> None:
    rows: list[Row] = [(5, 5, 0), (4, 6, 0), (3, 7, 0), (8, 2, 0)]
    by_hand = [0.5, sigmoid(-1), 0, sigmoid(3)]
    assert_drawn_like(DgmSampling(admission="keep_better"), flat(rows), by_hand)


def test_dgm_weights_do_not_vanish_for_many_children() -> None:
    selection = DgmSampling(novelty="cubic_exp")
    columns = flat([(5, 5, 200), (5, 5, 200)])
    assert_drawn_like(selection, columns, [1, 1])


def test_dgm_without_replacement_draws_in_turn_from_those_left() -> None:
    weights = [sigmoid(-2), sigmoid(0), sigmoid(3)]
    columns = flat([(3, 7, 0), (5, 5, 0), (8, 2, 0)])
    selection = DgmSampling(replacement=False)
    pairs = Counter(tuple(selection.select(columns, 2, f"{i}")) for i in range(2000))
    total = sum(weights)
    expected = {
        (f"a{i}", f"a{j}"): 2000 * w / total * v / (total - w)
        for i, w in enumerate(weights)
        for j, v in enumerate(weights)
        if i != j
    }
    assert pairs.keys() == expected.keys()
    assert chisquare([pairs[p] for p in expected], list(expected.values())).pvalue > 0.001


def test_dgm_without_replacement_begins_anew_when_all_were_drawn() -> None:
    drawn = DgmSampling(replacement=False).select(flat([(3, 7, 0), (5, 5, 0)]), 5, "k")
    assert sorted(drawn[:2]) == sorted(drawn[2:4]) == ["a0", "a1"]
    assert DgmSampling(replacement=False).select(flat([(3, 7, 0)]), 3, "k") == ["a0"] * 3


def test_clade_thompson_draws_from_clades_by_integrals_done_by_hand() -> None:
    # Clade posteriors Beta(2, 1), Beta(1, 2) and Beta(1, 1), densities 2x, 2(1 - x) and 1:
    # P(0 wins) = ∫ 2x (2x - x²) x dx = 4 ∫ x³ - 2 ∫ x⁴ = 1 - 2/5 = 3/5,
    # P(1 wins) = ∫ 2(1 - x) x² x dx = 2 (1/4 - 1/5) = 1/10, P(2 wins) = ∫ x² (2x - x²) dx = 3/10.
    columns = flat([(1, 0, 1), (0, 1, 0), (0, 0, 0)])
    everyone = replace(columns, ok=np.ones(3, dtype=np.int64))
    assert_drawn_like(CladeThompson(), everyone, [0.6, 0.1, 0.3])


def test_clade_thompson_leaves_out_who_solved_nothing_unless_nobody_did() -> None:
    assert_drawn_like(CladeThompson(), flat([(5, 5, 0), (0, 10, 0), (5, 5, 0)]), [1, 0, 1])
    assert_drawn_like(CladeThompson(), flat([(0, 9, 0), (0, 9, 0)]), [1, 1])


def test_clade_thompson_evaluates_by_own_counts_among_those_with_unseen_tasks() -> None:
    columns = flat([(9, 1, 0), (1, 0, 0), (0, 0, 0)])
    unseen = np.array([False, True, True])
    drawn = Counter(CladeThompson().evaluates(columns, unseen, str(i)) for i in range(1500))
    # P(Beta(2, 1) > Beta(1, 1)) = ∫ 2x x dx = 2/3
    assert drawn.keys() == {"a1", "a2"}
    assert chisquare([drawn["a1"], drawn["a2"]], [1000, 500]).pvalue > 0.001
    with pytest.raises(HomeError, match="expand one instead"):
        CladeThompson().evaluates(columns, np.zeros(3, dtype=np.bool_), "key")


@pytest.mark.parametrize(
    ("agents", "evaluations", "pending", "expands"),
    [
        (1, 0, 0, True),  # 0 >= 0
        (2, 0, 0, False),
        (2, 1, 0, True),  # 1 >= 1
        (2, 1, 1, False),
        (17, 100, 0, False),  # 100^0.6 = 15.85 < 16
        (16, 100, 0, True),
        (15, 100, 2, False),
    ],
)
def test_clade_thompson_widens_with_the_evaluations(
    agents: int, evaluations: int, pending: int, expands: bool
) -> None:
    assert CladeThompson().expands(agents, evaluations, pending) is expands


def test_clade_thompson_cools_down_to_the_best_clade() -> None:
    # 100 of 200 evaluations after the first agent's are spent: counts double with cooldown 1.
    columns = flat([(400, 400, 0), (30, 20, 0), (20, 30, 0)])
    warm, cool = CladeThompson(), CladeThompson(cooldown=1, budget=200)
    assert cool._sharpness(columns) == 2.0
    assert CladeThompson(cooldown=0.5, budget=200)._sharpness(columns) == pytest.approx(2**0.5)
    share = [
        Counter(selection.select(columns, 2000, "k"))["a1"] / 2000 for selection in (warm, cool)
    ]
    assert share[0] < share[1] < 1
    spent = CladeThompson(cooldown=1, budget=100)
    assert Counter(spent.select(columns, 2000, "k"))["a1"] > 1990


def test_the_final_agent_is_the_one_to_believe_in_not_the_luckiest() -> None:
    columns = flat([(50, 50, 0), (3, 0, 0), (80, 20, 0)])
    assert CladeThompson().final(columns) == "a2"  # the 5th percentile of Beta(4, 1) is .47
    assert Best().select(columns, 1, "k") == ["a1"]


def test_best_takes_the_top_score_and_of_equals_the_oldest() -> None:
    assert Best().select(flat([(0, 0, 0), (6, 4, 0), (3, 2, 0)]), 2, "k") == ["a1", "a1"]
    assert Best().select(flat([(0, 0, 0)]), 1, "k") == ["a0"]


def test_random_is_even() -> None:
    assert_drawn_like(Random(), flat(ROWS, barred=[3]), [1, 1, 1, 0, 1])


def test_latest_and_its_pool_start_from_the_champion_and_best_of_n_from_the_first() -> None:
    columns = flat(ROWS, champion=2, barred=[3])
    assert Latest().select(columns, 2, "k") == ["a2", "a2"]
    assert BestOfN().select(columns, 2, "k") == ["a0", "a0"]
    pool = CheckpointPool(size=2)
    assert pool.select(columns, 1, "k") == ["a2"]
    assert pool.opponents(columns) == ["a4", "a1"]
    assert CheckpointPool().opponents(columns) == ["a4", "a1", "a0"]
    assert Latest().opponents(columns) == []


@pytest.mark.parametrize("selection", EVERY, ids=lambda s: s.name)
def test_a_quarantined_agent_is_never_a_parent(selection: Selection) -> None:
    columns = flat([(5, 5, 0), (9, 1, 0), (1, 9, 0)], champion=2, barred=[1])
    drawn = {parent for i in range(300) for parent in selection.select(columns, 3, str(i))}
    assert "a1" not in drawn
    nobody = flat([(5, 5, 0)], barred=[0])
    with pytest.raises(HomeError, match="quarantined"):
        selection.select(nobody, 1, "k")


@pytest.mark.parametrize("selection", EVERY, ids=lambda s: s.name)
def test_draws_are_a_function_of_columns_and_key(selection: Selection) -> None:
    first = [selection.select(grown(60, 20), 4, f"key {i}") for i in range(5)]
    again = [selection.select(grown(60, 20), 4, f"key {i}") for i in range(5)]
    assert first == again
    assert all(len(parents) == 4 for parents in first)
