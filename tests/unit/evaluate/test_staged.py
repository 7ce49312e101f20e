"""Cheap stages: which tasks they take, and who clears them."""

import numpy as np
import pytest
from pydantic import ValidationError

from cladeflow.environments import Reasoning
from cladeflow.evaluate import BenchmarkSuite, Cell, Setting, Staged, Suite, SuiteResult
from cladeflow.evaluate.screen import Bar
from cladeflow.records import Cost

SETTING = Setting(environments=[Reasoning()], max_tokens=64, seed=3)
CELLS = {"chain": {5: 6, 6: 1}, "addition": {6: 20}}


def staged(*stages: tuple[int, float]) -> Staged:
    return Staged(
        of={"benchmark_suite": {"cells": CELLS}},
        stages=tuple(Bar(tasks=tasks, threshold=threshold) for tasks, threshold in stages),
    )


def answered(suite: Suite, correct: list[float]) -> dict[str, SuiteResult]:
    shape = (len(correct), 1)
    result = SuiteResult(
        suite=suite,
        tasks=tuple(map(str, range(len(correct)))),
        families=np.full(len(correct), "chain"),
        levels=np.zeros(len(correct), np.int64),
        correct=np.array(correct).reshape(shape),
        answers=tuple(("x",) for _ in correct),
        tokens=np.ones(shape, np.int64),
        parsed=np.ones(shape, np.bool_),
        cost=Cost(),
    )
    return {suite.name: result}


def test_a_stage_asks_the_first_of_the_tasks_that_are_asked_greedily_later() -> None:
    evaluation = staged((9, 0.4))
    (screen,) = evaluation.screens()
    (first,) = screen.suites(SETTING)
    assert first.cells == (Cell("chain", 5, 4), Cell("chain", 6, 1), Cell("addition", 6, 4))
    greedy = next(suite for suite in evaluation.suites(SETTING) if suite.temperature == 0)
    asked = {posed.task.id for posed in first.pose(Reasoning())}
    assert len(asked) == 9
    assert asked <= {posed.task.id for posed in greedy.pose(Reasoning())}
    assert first.hash != greedy.hash and first.samples == greedy.samples == 1


def test_a_stage_has_no_more_tasks_than_there_are() -> None:
    (screen,) = staged((100, 0.4)).screens()
    (first,) = screen.suites(SETTING)
    assert sum(cell.n for cell in first.cells) == 27


def test_the_whole_evaluation_is_that_of_what_is_staged() -> None:
    inner = BenchmarkSuite(cells=CELLS)
    assert staged((9, 0.4)).suites(SETTING) == inner.suites(SETTING)
    assert staged((9, 0.4)).identity()["of"] == inner.identity()


@pytest.mark.parametrize(
    ("correct", "clears"),
    [
        ([1, 1, 0, 0, 0], True),
        ([1, 0, 0, 0, 0], False),
        ([1, 0, float("nan"), float("nan"), 0], False),  # 1 of 3
        ([1, 0, float("nan"), float("nan"), float("nan")], True),  # 1 of 2
        ([float("nan")] * 5, True),
    ],
)
def test_clearing_a_bar(correct: list[float], clears: bool) -> None:
    (screen,) = staged((5, 0.4)).screens()
    (suite,) = screen.suites(SETTING)
    reason = screen.shortfall(answered(suite, correct))
    assert (reason == "") is clears
    assert clears or reason.endswith("fewer than 40%: evaluated no further")


def test_what_cannot_be_staged_is_refused() -> None:
    with pytest.raises(ValidationError, match="more tasks each than the one before"):
        staged((10, 0.4), (10, 0.5))
    with pytest.raises(ValidationError, match="no evaluation that can be staged"):
        Staged(of="staged")
    with pytest.raises(ValidationError, match="one entry"):
        Staged(of={"benchmark_suite": {}, "transfer_retention": {}})
