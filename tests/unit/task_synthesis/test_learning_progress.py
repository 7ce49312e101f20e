"""Weights by learning progress, computed by hand, and the draw that follows them."""

from collections import Counter

import pytest
from pydantic import ValidationError

from cladeflow.environments import Toolbox
from cladeflow.task_synthesis import CellStats, LearningProgress, cell

ENV = Toolbox()
TASKS = [
    posed.task
    for level in (1, 2, 3, 4)
    for posed in ENV.tasks(family="price", level=level, split="train", n=50, seed=0)
]
LP = LearningProgress(fast=0.5, slow=0.25, even=0.0)


def stats(**histories: tuple[float, ...]) -> dict[str, CellStats]:
    return {
        f"toolbox/price/{level[1:]}": CellStats(n=9, mean=0.5, history=history)
        for level, history in histories.items()
    }


def test_progress_by_hand() -> None:
    # fast: 0 -> 0.4 -> 0.4 + 0.5 * 0.2 = 0.5; slow: 0 -> 0.2 -> 0.2 + 0.25 * 0.4 = 0.3
    assert LP.progress((0.0, 0.8, 0.6)) == pytest.approx(0.5 - 0.3)
    assert LP.progress((0.8, 0.0)) == pytest.approx(0.8 * (0.75 - 0.5))
    assert LP.progress((0.7, 0.7, 0.7)) == pytest.approx(0.0)
    assert LP.progress((0.7,)) is None


def test_tasks_are_drawn_in_proportion_to_the_progress_of_their_cell() -> None:
    """LP is 0.25 x the change: 0.2 for level 1, 0.1 for level 2, 0 for 3; 4 is like the best."""
    known = stats(L1=(0.0, 0.8), L2=(0.6, 0.2), L3=(0.5, 0.5), L4=(0.5,))
    counts = Counter(LP.select(TASKS, known, n=1, seed=str(i))[0].level for i in range(2000))
    assert counts[3] == 0
    assert counts[1] / 2000 == pytest.approx(0.4, abs=0.04)
    assert counts[2] / 2000 == pytest.approx(0.2, abs=0.04)
    assert counts[4] / 2000 == pytest.approx(0.4, abs=0.04)


def test_a_share_is_drawn_evenly() -> None:
    known = stats(L1=(0.0, 0.8), L2=(0.5, 0.5), L3=(0.5, 0.5), L4=(0.5, 0.5))
    even = LearningProgress(even=0.4)
    counts = Counter(even.select(TASKS, known, n=1, seed=str(i))[0].level for i in range(2000))
    assert counts[1] / 2000 == pytest.approx(0.6 + 0.4 / 4, abs=0.04)


def test_without_any_progress_all_tasks_are_alike() -> None:
    for known in ({}, stats(L1=(0.5, 0.5), L2=(0.5, 0.5), L3=(0.5, 0.5), L4=(0.5, 0.5))):
        counts = Counter(LP.select(TASKS, known, n=1, seed=str(i))[0].level for i in range(1000))
        assert min(counts[level] for level in (1, 2, 3, 4)) > 190


def test_no_task_is_drawn_twice_and_the_rest_fills_up() -> None:
    known = stats(L1=(0.0, 0.8), L2=(0.5, 0.5), L3=(0.5, 0.5), L4=(0.5, 0.5))
    picked = LP.select(TASKS, known, n=60, seed="a")
    assert len({task.id for task in picked}) == 60
    assert Counter(task.level for task in picked)[1] == 50
    assert picked == LP.select(TASKS, known, n=60, seed="a")
    assert picked != LP.select(TASKS, known, n=60, seed="b")


def test_small_weights_are_drawn_evenly_whatever_the_order_of_the_candidates() -> None:
    """300 candidates in each of 8 cells, 600 to draw, progress in the last cell alone.

    One of its tasks weighs 0.9 / 300 + 0.1 / 2400, any other 0.1 / 2400: 1 / 73 of it. At the time
    t when 600 exponential clocks have rung, e^(-w t) of the others is 6 / 7, so that the last cell
    is drawn whole, and of each other cell 300 / 7, with a standard deviation of 5.6.
    """
    tasks = [
        posed.task
        for family, levels in ENV.levels.items()
        for level in levels
        for posed in ENV.tasks(family=family, level=level, split="train", n=300, seed=0)
    ]
    known = {cell(task): CellStats(n=9, mean=0.5, history=(0.5, 0.5)) for task in tasks}
    known[cell(tasks[-1])] = CellStats(n=9, mean=0.9, history=(0.1, 0.9))
    seeds = 20
    counts = Counter(
        cell(task)
        for i in range(seeds)
        for task in LearningProgress().select(tasks, known, n=600, seed=str(i))
    )
    assert counts.pop(cell(tasks[-1])) >= 299.5 * seeds
    assert len(counts) == 7
    assert all(
        n / seeds == pytest.approx(300 / 7, abs=4 * 5.6 / seeds**0.5) for n in counts.values()
    )


def test_the_fast_average_is_the_faster_one() -> None:
    with pytest.raises(ValidationError, match=r"fast = 0.2 is not above slow = 0.2"):
        LearningProgress(fast=0.2, slow=0.2)
