"""A cheap stage of an evaluation: a few of a suite's tasks, and what they have to show."""

from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import Field

from cladeflow.evaluate.base import EvalContext, Evaluation, ReportParts, Setting
from cladeflow.evaluate.scores import Scores
from cladeflow.evaluate.suite import Cell, Suite, SuiteResult
from cladeflow.records import Value

SCREENED = "screened"
"""The metric of a report on an agent that was evaluated no further."""


class Bar(Value):
    """The share of the first ``tasks`` tasks that an agent has to solve."""

    tasks: int = Field(default=10, gt=0)
    threshold: float = Field(default=0.4, ge=0, le=1)


class Screen(Evaluation):
    """Answers the first tasks of another evaluation's greedy suites, the same as it would.

    ``screened`` = mean correctness over the tasks whose check did not fail. It clears the bar where
    that is at least the threshold, or nothing could be checked: no evidence stops nobody.
    """

    of: Evaluation
    bar: Bar

    def suites(self, setting: Setting) -> list[Suite]:
        full = self.of.suites(setting)
        greedy = [suite for suite in full if suite.temperature == 0] or full
        return [_cut(suite, self.bar.tasks) for suite in greedy]

    def report(self, ctx: EvalContext) -> ReportParts:
        """One row per family."""
        results = list(ctx.subject.values())
        screened = [result.accuracy() for result in results]
        scores = Scores.of(results[0].suite.name, results, {SCREENED: screened})
        return ReportParts(rows=scores.rows())

    def shortfall(self, results: Mapping[str, SuiteResult]) -> str:
        """Why the agent is evaluated no further; empty where it clears the bar."""
        found = np.concatenate([result.accuracy() for result in results.values()])
        found = found[~np.isnan(found)]
        if not len(found) or found.mean() >= self.bar.threshold:
            return ""
        return (
            f"solved {found.mean():.0%} of the first {len(found)} tasks, fewer than "
            f"{self.bar.threshold:.0%}: evaluated no further"
        )


def _cut(suite: Suite, tasks: int) -> Suite:
    """The suite's first ``tasks`` tasks, cell by cell in turn."""
    cells = _shares([cell.n for cell in suite.cells], tasks)
    first = [Cell(c.family, c.level, n) for c, n in zip(suite.cells, cells, strict=True) if n]
    return suite.model_copy(update={"name": f"{suite.name}.first{tasks}", "cells": tuple(first)})


def _shares(sizes: Sequence[int], total: int) -> list[int]:
    """``total`` dealt out one by one to places that hold so many; less where they are full."""
    shares = [0] * len(sizes)
    for _ in range(min(total, sum(sizes))):
        open_places = [place for place, size in enumerate(sizes) if shares[place] < size]
        shares[min(open_places, key=lambda place: shares[place])] += 1
    return shares
