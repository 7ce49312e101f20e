"""Selectors: uniform draws, and a band of difficulty computed by hand."""

from collections import Counter

import pytest
from pydantic import ValidationError
from scipy.stats import chisquare

from cladeflow.environments import Toolbox
from cladeflow.plan.stage import _statistics
from cladeflow.records import Task
from cladeflow.task_synthesis import CellStats, DifficultyBand, Uniform, cell

ENV = Toolbox()


def tasks(level: int, n: int) -> list[Task]:
    return [p.task for p in ENV.tasks(family="price", level=level, split="train", n=n, seed=0)]


MIXED = [task for level in (1, 2, 3, 4) for task in tasks(level, 10)]


def seen(*means: float) -> CellStats:
    return CellStats(n=50, mean=means[-1], history=means)


STATS = {
    "toolbox/price/1": seen(0.95),
    "toolbox/price/2": seen(0.5),
    "toolbox/price/3": seen(0.05),
}
"""Level 1 is too easy, 2 in the band, 3 too hard, 4 unknown."""


def levels(picked: list[Task]) -> Counter[int]:
    return Counter(task.level for task in picked)


def test_cell() -> None:
    assert cell(MIXED[0]) == "toolbox/price/1"


def test_uniform_picks_each_task_equally_often() -> None:
    pool = tasks(1, 10)
    counts = Counter(
        task.id for i in range(2000) for task in Uniform().select(pool, {}, n=3, seed=str(i))
    )
    assert sum(counts.values()) == 6000
    assert chisquare([counts[task.id] for task in pool]).pvalue > 0.001


def test_uniform_draws_without_replacement() -> None:
    pool = tasks(1, 10)
    picked = Uniform().select(pool, {}, n=99, seed="a")
    assert sorted(t.id for t in picked) == sorted(t.id for t in pool)
    assert picked == Uniform().select(pool, {}, n=99, seed="a")
    assert picked != Uniform().select(pool, {}, n=99, seed="b")


def test_the_band_keeps_what_is_neither_mastered_nor_hopeless() -> None:
    picked = DifficultyBand(lo=0.1, hi=0.9).select(MIXED, STATS, n=40, seed="a")
    assert levels(picked) == {2: 10, 4: 10}


def test_the_bounds_belong_to_the_band() -> None:
    band = DifficultyBand(lo=0.05, hi=0.95)
    assert levels(band.select(MIXED, STATS, n=40, seed="a")) == {1: 10, 2: 10, 3: 10, 4: 10}


def test_the_newest_generation_that_attempted_a_cell_says_how_hard_it_is() -> None:
    band, rehearsing, pool = DifficultyBand(), DifficultyBand(rehearse=0.2), tasks(1, 10)
    left_out = {"toolbox/price/1": CellStats(n=0, mean=0.0, history=(0.5, 0.95))}
    assert band.select(pool, left_out, n=5, seed="a") == []
    assert levels(rehearsing.select(pool, left_out, n=5, seed="a")) == {1: 5}
    fell = {"toolbox/price/1": seen(0.95, 0.5)}
    assert levels(band.select(pool, fell, n=5, seed="a")) == {1: 5}


def test_cells_outside_the_band_stay_out_from_generation_to_generation() -> None:
    rates, measured, picked = {1: 0.95, 2: 0.5, 3: 0.02}, [], []
    for generation in range(5):
        known = _statistics(measured)
        chosen = DifficultyBand().select(MIXED[:30], known, n=30, seed=str(generation))
        picked.append(levels(chosen))
        measured.append({cell(task): {"n": 10, "mean": rates[task.level]} for task in chosen})
    assert picked == [{1: 10, 2: 10, 3: 10}, *({2: 10},) * 4]


def test_statistics_of_nothing_are_no_statistics() -> None:
    stats = {"toolbox/price/1": CellStats(n=0, mean=0.0)}
    assert levels(DifficultyBand().select(tasks(1, 10), stats, n=5, seed="a")) == {1: 5}


def test_easy_levels_are_rehearsed_at_their_share() -> None:
    picked = DifficultyBand(rehearse=0.3).select(MIXED, STATS, n=10, seed="a")
    assert len(picked) == 10
    assert levels(picked)[1] == 3
    assert levels(picked)[3] == 0


def test_where_the_band_is_short_rehearsal_makes_up_for_it_and_the_reverse() -> None:
    known = {**STATS, "toolbox/price/4": seen(0.0)}
    short = DifficultyBand(rehearse=0.1).select(MIXED, known, n=18, seed="a")
    assert levels(short) == {2: 10, 1: 8}
    no_easy = DifficultyBand(rehearse=0.5).select(MIXED[10:], STATS, n=20, seed="a")
    assert levels(no_easy) == {2: 10, 4: 10}
    nothing = DifficultyBand().select(MIXED[:10], STATS, n=10, seed="a")
    assert nothing == []


def test_the_choice_is_random_within_the_band() -> None:
    band = DifficultyBand()
    counts = Counter(
        task.id for i in range(1500) for task in band.select(MIXED, STATS, n=4, seed=str(i))
    )
    assert len(counts) == 20
    assert chisquare(list(counts.values())).pvalue > 0.001


def test_easy_first() -> None:
    stats = {**STATS, "toolbox/price/4": seen(0.2)}
    band = DifficultyBand(rehearse=0.2, order="easy_first")
    picked = [task.level for task in band.select(MIXED, stats, n=15, seed="a")]
    assert picked == sorted(picked)
    assert set(picked) == {1, 2, 4}


def test_a_band_the_wrong_way_round_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"lo = 0.9 is above hi = 0.1"):
        DifficultyBand(lo=0.9, hi=0.1)
