"""Suites: which tasks an agent is evaluated on, and what it did on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from cladeflow.environments.base import Environment, Posed
from cladeflow.errors import CladeflowError
from cladeflow.evaluate.statistics import Floats, majority_score, pass_at_k
from cladeflow.records import Cost, Split, Task, Trajectory, Value, Verdict, digest


class Cell(NamedTuple):
    """``n`` tasks of one family at one level."""

    family: str
    level: int
    n: int


class Suite(Value):
    """Tasks and how to sample answers to them; all that an evaluation depends on but the agent."""

    name: str
    env: str
    env_digest: str
    """Digest of the environment's identity: another checker makes another suite."""
    split: Split
    cells: tuple[Cell, ...]
    samples: int
    temperature: float
    max_tokens: int
    """Token budget of one turn."""
    seed: int
    kind: Literal["solve", "judge"] = "solve"
    """Whether tasks are to be solved, or attempts at them to be judged."""
    role: str = "actor"
    """Whose weights answer."""
    critic: str | None = None
    """The role whose critique the answer is refined by, once, in place of the agent's own way."""
    block: tuple[int, int] | None = None
    """(b, B): the b-th (from 0) of B disjoint blocks of as many tasks; None for the first tasks."""

    @property
    def hash(self) -> str:
        """Where evaluations on this suite are kept, so that no agent is evaluated twice."""
        return digest(self.model_dump(mode="json", exclude_defaults=True))

    @property
    def questions(self) -> str:
        """Digest of what the tasks depend on: suites that differ in sampling alone share them."""
        block = [self.block] if self.block else []
        return digest([self.env_digest, self.split, self.cells, self.seed, self.kind, *block])

    def pose(self, env: Environment) -> list[Posed]:
        """The suite's tasks with their golds, cell by cell."""
        return [posed for cell in self.cells for posed in self._pose(env, cell)]

    def on_reserve(self, tasks: int, block: int, blocks: int) -> Self:
        """The suite on one of ``blocks`` blocks of the reserve split, its cells in proportion."""
        total = sum(cell.n for cell in self.cells)
        cells = tuple(cell._replace(n=max(1, tasks * cell.n // total)) for cell in self.cells)
        return self.model_copy(
            update={"split": "reserve", "cells": cells, "block": (block, blocks)}
        )

    def _pose(self, env: Environment, cell: Cell) -> Sequence[Posed]:
        """A cell's tasks; a block of a cell that holds too few for all blocks gets its share."""
        draw = env.tasks if self.kind == "solve" else env.judge_tasks
        place: dict[str, Any] = {"family": cell.family, "level": cell.level}
        place |= {"split": self.split, "seed": self.seed}
        if self.block is None:
            return draw(n=cell.n, **place)
        block, blocks = self.block
        each = min(cell.n, len(env.at_most(n=cell.n * blocks, **place)) // blocks)
        return draw(n=each * blocks, **place)[each * block : each * (block + 1)]


def spread(tasks: int, levels: Mapping[str, Sequence[int]]) -> tuple[Cell, ...]:
    """``tasks`` split evenly over all (family, level); the first cells take the remainder."""
    places = [(family, level) for family, found in levels.items() for level in found]
    each, rest = divmod(tasks, len(places))
    sizes = [each + (i < rest) for i in range(len(places))]
    return tuple(Cell(*place, n) for place, n in zip(places, sizes, strict=True) if n)


@dataclass(frozen=True, eq=False)
class SuiteResult:
    """One agent's attempts at the T tasks of a suite, S samples each."""

    suite: Suite
    tasks: tuple[str, ...]
    """Task ids."""
    families: NDArray[np.str_]
    levels: NDArray[np.int64]
    correct: Floats
    """[T, S] 1 or 0; nan where the checker failed or was killed: no evidence either way."""
    answers: tuple[tuple[str | None, ...], ...]
    """T x S canonical answers; None where none parses."""
    tokens: NDArray[np.int64]
    """[T, S] generated tokens, all attempts of a sample together."""
    parsed: NDArray[np.bool_]
    """[T, S]"""
    cost: Cost
    trajectories: Sequence[Trajectory] = ()
    """The records that it was arranged from, for what is not per sample."""
    verdicts: Sequence[Verdict] = ()

    @classmethod
    def from_records(
        cls,
        suite: Suite,
        tasks: Sequence[Task],
        trajectories: Sequence[Trajectory],
        verdicts: Sequence[Verdict],
    ) -> Self:
        """Arrange what the evaluation of one agent committed.

        A sample's last attempt is what counts. Raises `CladeflowError` for a sample that is
        missing: a suite is evaluated whole or not at all.
        """
        last = _last_attempts(trajectories)
        spent: dict[tuple[str, int], int] = {}
        for t in trajectories:
            spent[t.task_id, t.sample] = spent.get((t.task_id, t.sample), 0) + t.usage.gen_tokens
        judged = {v.target.id: v for v in verdicts if v.target.kind == "traj"}
        wanted = [[(task.id, s) for s in range(suite.samples)] for task in tasks]
        missing = sum(at not in last for row in wanted for at in row)
        if missing:
            raise CladeflowError(
                f"suite {suite.name}: {missing} of {len(tasks) * suite.samples} samples are "
                "missing from the evaluation; run 'cladeflow retry --from evaluate'"
            )
        attempts = [[last[at] for at in row] for row in wanted]
        shape = (len(tasks), suite.samples)
        return cls(
            suite=suite,
            tasks=tuple(task.id for task in tasks),
            families=np.array([task.family for task in tasks], dtype=np.str_),
            levels=np.array([task.level for task in tasks], dtype=np.int64),
            correct=np.array(
                [[correctness(judged.get(t.id)) for t in row] for row in attempts]
            ).reshape(shape),
            answers=tuple(tuple(_answer(t) for t in row) for row in attempts),
            tokens=np.array([[spent[at] for at in row] for row in wanted], np.int64).reshape(shape),
            parsed=np.array(
                [[_parses(t, judged.get(t.id)) for t in row] for row in attempts], np.bool_
            ).reshape(shape),
            cost=_cost(trajectories),
            trajectories=trajectories,
            verdicts=verdicts,
        )

    @property
    def checked(self) -> NDArray[np.bool_]:
        """[T, S] False where a checker failed or was killed."""
        return ~np.isnan(self.correct)

    def accuracy(self) -> Floats:
        """[T] mean correctness of a task's checked samples; nan where none was."""
        counts = self.checked.sum(axis=1)
        right = np.nansum(self.correct, axis=1)
        return np.where(counts > 0, right / np.maximum(counts, 1), np.nan)

    def pass_at(self, k: int) -> Floats:
        """[T] exact pass@k; nan where fewer than k samples were checked."""
        counts, right = self.checked.sum(axis=1), np.nansum(self.correct, axis=1)
        pairs = zip(counts.tolist(), right.tolist(), strict=True)
        return np.array([pass_at_k(n, int(c), k) if n >= k else np.nan for n, c in pairs])

    def majority_at(self, k: int) -> Floats:
        """[T] score of the majority answer of the first k samples; nan where one is unchecked."""
        return np.array(
            [
                np.nan if np.isnan(correct[:k]).any() else majority_score(answers[:k], correct[:k])
                for answers, correct in zip(self.answers, self.correct, strict=True)
            ]
        )


def correctness(verdict: Verdict | None) -> float:
    """1 or 0, or nan where there is no verdict because the checker failed or was killed."""
    if verdict is None or verdict.outcome != "checked":
        return float("nan")
    return float(verdict.value >= 1 if verdict.ok is None else verdict.ok)


def _last_attempts(trajectories: Sequence[Trajectory]) -> dict[tuple[str, int], Trajectory]:
    return {(t.task_id, t.sample): t for t in sorted(trajectories, key=lambda t: t.attempt)}


def _answer(trajectory: Trajectory) -> str | None:
    return None if trajectory.answer is None else str(trajectory.answer)


def _parses(trajectory: Trajectory, verdict: Verdict | None) -> bool:
    """The checker's word where it has one, else whether an answer was found."""
    if verdict is None or "format" not in verdict.parts:
        return trajectory.answer is not None
    return verdict.parts["format"] > 0


def _cost(trajectories: Sequence[Trajectory]) -> Cost:
    return Cost(
        tokens=sum(t.usage.gen_tokens for t in trajectories),
        calls=sum(t.usage.calls for t in trajectories),
        tool_calls=sum(step.call is not None for t in trajectories for step in t.steps),
    )
