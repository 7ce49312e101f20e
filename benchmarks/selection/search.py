"""Searches of a landscape with a budget of evaluations: one (agent, task) pair each."""

import numpy as np
from numpy.typing import NDArray

from benchmarks.selection.landscape import Agent, Landscape, chance
from cladeflow.archive import CladeThompson, Columns, Selection

FIRST = 0


class Search:
    """The agents made so far, with their counts."""

    def __init__(self, landscape: Landscape, capacity: int) -> None:
        self._landscape = landscape
        self.agents: list[Agent] = []
        self._ancestors: list[list[int]] = []
        self._ids: list[str] = []
        self._champion = FIRST
        counts = np.zeros((5, capacity), dtype=np.int64)
        self.ok, self.fail, self._clade_ok, self._clade_fail, self._children = counts
        self._add(landscape.first(), [])

    def columns(self) -> Columns:
        """What a selection sees."""
        n = len(self.agents)
        return Columns(
            ids=self._ids,
            champion=self._champion,
            ok=self.ok[:n],
            fail=self.fail[:n],
            clade_ok=self._clade_ok[:n],
            clade_fail=self._clade_fail[:n],
            children=self._children[:n],
            eligible=np.ones(n, dtype=np.bool_),
        )

    def expand(self, parent: int) -> int:
        """Make a child; its index."""
        number = int(self._children[parent])
        self._children[parent] += 1
        child = self._landscape.child(self.agents[parent], number)
        return self._add(child, [parent, *self._ancestors[parent]])

    def evaluate(self, agent: int, tasks: int) -> None:
        """Try an agent on its next ``tasks`` tasks."""
        seen = int(self.ok[agent] + self.fail[agent])
        solved = int(self.agents[agent].trials[seen : seen + tasks].sum())
        self.ok[agent] += solved
        self.fail[agent] += tasks - solved
        clade = [agent, *self._ancestors[agent]]
        self._clade_ok[clade] += solved
        self._clade_fail[clade] += tasks - solved

    def accept(self, child: int) -> None:
        """The child becomes champion if it solved a larger share than the champion."""
        scores = self.columns().score
        if scores[child] > scores[self._champion]:
            self._champion = child

    def unseen(self) -> NDArray[np.bool_]:
        """Which agents have tasks left; of the first one none is counted."""
        n = len(self.agents)
        left: NDArray[np.bool_] = self.ok[:n] + self.fail[:n] < len(self.agents[FIRST].trials)
        left[FIRST] = False
        return left

    def outcome(self) -> float:
        """What the search comes to: the true chance of the agent to believe in."""
        return chance(self.agents[int(CladeThompson().final(self.columns()))].skill)

    def _add(self, agent: Agent, ancestors: list[int]) -> int:
        self.agents.append(agent)
        self._ancestors.append(ancestors)
        self._ids.append(str(len(self._ids)))
        return len(self.agents) - 1


def by_generations(
    selection: Selection, landscape: Landscape, budget: int, tasks: int, key: str
) -> Search:
    """One child at a time, each evaluated on as many tasks, as a generation does."""
    search = Search(landscape, budget // tasks + 1)
    search.evaluate(FIRST, tasks)
    for step in range(budget // tasks):
        (parent,) = selection.select(search.columns(), 1, f"{key}/{step}")
        child = search.expand(int(parent))
        search.evaluate(child, tasks)
        search.accept(child)
    return search


def task_by_task(
    selection: CladeThompson, landscape: Landscape, budget: int, tasks: int, key: str
) -> Search:
    """One worker that expands or evaluates as `CladeThompson.expands` says, a task at a time."""
    search = Search(landscape, budget + 1)
    search.evaluate(FIRST, tasks)
    spent = 0
    while spent < budget:
        columns, unseen = search.columns(), search.unseen()
        step = f"{key}/{len(search.agents)}/{spent}"
        if not unseen.any() or selection.expands(len(search.agents), spent):
            (parent,) = selection.select(columns, 1, step)
            search.expand(int(parent))
        else:
            search.evaluate(int(selection.evaluates(columns, unseen, step)), 1)
            spent += 1
    return search
