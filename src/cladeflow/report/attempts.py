"""One task of the newest generation, chosen for what its attempts show."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from cladeflow.records import (
    DEMONSTRATION,
    Critique,
    Record,
    Step,
    Task,
    Trajectory,
    Verdict,
    by_target,
)
from cladeflow.report.view import AttemptView, CritiqueView, Line, Outcome, TaskView
from cladeflow.session import Session
from cladeflow.views import StageView

R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Gathered:
    """What the rounds of one generation posed, attempted, said and found."""

    session: Session
    stages: Sequence[StageView]
    """All that have finished; none is a generation of which nothing is known."""

    def read(self, name: str, kind: type[R]) -> list[R]:
        """Every record of the sets called ``name``."""
        sets = (stage.commit.sets for stage in self.stages if stage.call.round is not None)
        found = [manifests[name] for manifests in sets if name in manifests]
        return [record for manifest in found for record in self.session.read(manifest, kind)]

    @cached_property
    def tasks(self) -> Mapping[str, Task]:
        """By id."""
        return {task.id: task for task in self.read("tasks", Task)}

    @cached_property
    def traces(self) -> Mapping[str, Trajectory]:
        """Attempts, and what was given with tasks, by id, in the order in which they were made."""
        made = self.read("trajectories", Trajectory)
        return {t.id: t for t in made if t.task_id in self.tasks}

    @cached_property
    def attempts(self) -> Mapping[str, Trajectory]:
        """The traces that the agent made."""
        return {key: t for key, t in self.traces.items() if t.agent_id != DEMONSTRATION}

    @cached_property
    def critiques(self) -> Mapping[str, Sequence[Critique]]:
        """By trajectory id."""
        return by_target(self.read("critiques", Critique))

    @cached_property
    def verdicts(self) -> Mapping[str, Verdict]:
        """By trajectory id."""
        return {v.target.id: v for v in self.read("verdicts", Verdict) if v.target.kind == "traj"}

    def outcome(self, trajectory_id: str) -> Outcome:
        """What the check made of an attempt."""
        verdict = self.verdicts.get(trajectory_id)
        if verdict is None or verdict.outcome != "checked":
            return "unchecked"
        right = verdict.value > 0 if verdict.ok is None else verdict.ok
        return "right" if right else "wrong"


def shown_task(data: Gathered) -> TaskView | None:
    """The task whose attempts show most; None where none was attempted.

    A wrong attempt that a critique put right comes first, then any refinement, then a task that
    was solved in one attempt and not in another, then whatever was attempted first.
    """
    best = max(_candidates(data), key=lambda chain: _worth(chain, data), default=())
    if not best:
        return None
    task = data.tasks[best[0].task_id]
    return TaskView(
        id=task.id,
        generation=data.stages[0].call.generation,
        family=task.family,
        level=task.level,
        prompt=prompt_text(task),
        attempts=tuple(_attempt(trajectory, data) for trajectory in best),
        refined=bool(best[-1].parents),
    )


def prompt_text(task: Task) -> str:
    """What the task says, without an agent's instructions."""
    return "\n".join(message.text.rstrip("\n") for message in task.prompt)


def _candidates(data: Gathered) -> Iterator[Sequence[Trajectory]]:
    """Chains of refinements, and pairs of a wrong and a right attempt at the same task."""
    for trajectory in data.attempts.values():
        if trajectory.parents:
            yield list(_chain(trajectory, data))[::-1]
    firsts = [t for t in data.attempts.values() if not t.parents]
    by_task: dict[str, dict[Outcome, Trajectory]] = {}
    for trajectory in firsts:
        attempts = by_task.setdefault(trajectory.task_id, {})
        attempts.setdefault(data.outcome(trajectory.id), trajectory)
    for attempts in by_task.values():
        yield [attempts[o] for o in ("wrong", "right", "unchecked") if o in attempts][:2]


def _chain(last: Trajectory, data: Gathered) -> Iterator[Trajectory]:
    """An attempt and those that it revises, newest first."""
    at: Trajectory | None = last
    while at is not None:
        yield at
        at = data.attempts.get(at.parents[0].traj_id) if at.parents else None


def _worth(chain: Sequence[Trajectory], data: Gathered) -> tuple[bool, ...]:
    outcomes = [data.outcome(trajectory.id) for trajectory in chain]
    refined = bool(chain[-1].parents)
    repaired = refined and outcomes[0] == "wrong" and outcomes[-1] == "right"
    return (
        repaired,
        repaired and all(c.ok is not False for c in data.critiques.get(chain[-1].id, ())),
        refined,
        {"wrong", "right"} <= set(outcomes),
        any(trajectory.id in data.critiques for trajectory in chain),
    )


def _attempt(trajectory: Trajectory, data: Gathered) -> AttemptView:
    verdict = data.verdicts.get(trajectory.id)
    critiques = data.critiques.get(trajectory.id, ())
    return AttemptView(
        id=trajectory.id,
        strategy=trajectory.strategy,
        attempt=trajectory.attempt,
        lines=tuple(lines(trajectory.steps, _first_error(verdict, critiques))),
        answer="" if trajectory.answer is None else str(trajectory.answer),
        outcome=data.outcome(trajectory.id),
        value=None if verdict is None or verdict.outcome != "checked" else verdict.value,
        note="" if verdict is None else verdict.note,
        critiques=tuple(CritiqueView(source=c.source, ok=c.ok, text=c.text) for c in critiques),
    )


def _first_error(verdict: Verdict | None, critiques: Iterable[Critique]) -> int | None:
    """The first wrong step by the check, else by the first critique that names one."""
    found = None if verdict is None else verdict.parts.get("first_error")
    if found is not None:
        return int(found)
    return next((c.first_error for c in critiques if c.first_error is not None), None)


def lines(steps: Iterable[Step], wrong: int | None = None) -> Iterator[Line]:
    """Steps as they are read; ``wrong`` is the index of the first mistake."""
    for index, step in enumerate(steps):
        yield Line(text=step.text.rstrip("\n"), role=step.role, wrong=index == wrong)
