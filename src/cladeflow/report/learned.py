"""What the updates of the newest generation learned from."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cladeflow.records import (
    PreferenceExample,
    Step,
    Task,
    UnpairedExample,
)
from cladeflow.records.example import Example
from cladeflow.report.attempts import Gathered, lines, prompt_text
from cladeflow.report.view import Learned, LearnedCell, Line
from cladeflow.views import StageView


class _Cell(NamedTuple):
    env: str
    family: str
    level: int


def learned(data: Gathered) -> tuple[Learned, ...]:
    """One entry for each update that built examples, in order."""
    updates = [stage for stage in data.stages if "examples" in stage.commit.sets]
    return tuple(_learned(stage, data) for stage in updates)


def _learned(stage: StageView, data: Gathered) -> Learned:
    examples = list(data.session.read(stage.commit.sets["examples"], Example))
    sources = _tasks_of_sources(data)
    first = examples[0] if examples else None
    task = None if first is None else _task(first, sources)
    return Learned(
        generation=stage.call.generation,
        update=str(stage.call).partition("/")[2],
        role=first.role if first else "",
        kind=type(first).__name__.removesuffix("Example") if first else "",
        examples=len(examples),
        contaminated=_contaminated(stage),
        cells=tuple(_cells(data, [_task(example, sources) for example in examples])),
        prompt="" if first is None else _prompt(first, task),
        sample=() if first is None else tuple(_lines(first)),
    )


def _tasks_of_sources(data: Gathered) -> dict[str, Task]:
    """The task of every trace and critique that an example may name as its source."""
    found = {t.id: data.tasks[t.task_id] for t in data.traces.values()}
    said = {c.id: t for t, several in data.critiques.items() for c in several if t in found}
    return found | {critique: found[target] for critique, target in said.items()}


def _task(example: Example, sources: dict[str, Task]) -> Task | None:
    """None for an example of an earlier generation or without a source."""
    return next((sources[source] for source in example.sources if source in sources), None)


def _cells(data: Gathered, kept: Sequence[Task | None]) -> Iterator[LearnedCell]:
    attempts: Counter[_Cell] = Counter()
    right: Counter[_Cell] = Counter()
    for trajectory in data.attempts.values():
        cell = _cell(data.tasks[trajectory.task_id])
        attempts[cell] += 1
        right[cell] += data.outcome(trajectory.id) == "right"
    examples = Counter(_cell(task) for task in kept if task is not None)
    for cell in sorted(attempts | examples):
        yield LearnedCell(
            **cell._asdict(), attempts=attempts[cell], right=right[cell], kept=examples[cell]
        )


def _cell(task: Task) -> _Cell:
    return _Cell(task.env, task.family, task.level)


def _contaminated(stage: StageView) -> int:
    name = "cladeflow_contaminated_examples_total"
    return sum(int(e["value"]) for e in stage.metrics.to_json() if e["name"] == name)


def _prompt(example: Example, task: Task | None) -> str:
    """The prompt as text; that of the source's task where the example holds token ids."""
    if isinstance(example.prompt, str):
        return example.prompt.rstrip("\n")
    return "" if task is None else prompt_text(task)


def _lines(example: Example) -> Iterator[Line]:
    """The steps of an example; what the loss leaves out, or pushes away, is marked by its role."""
    if isinstance(example, PreferenceExample):
        yield from _as("chosen", example.chosen)
        yield from _as("rejected", example.rejected)
    elif isinstance(example, UnpairedExample):
        yield from lines(example.response)
    else:
        yield from lines(_masked(getattr(example, "steps", ())))


def _as(role: str, steps: Sequence[Step]) -> Iterator[Line]:
    yield from lines(step.model_copy(update={"role": role}) for step in steps)


def _masked(steps: Sequence[Step]) -> Iterator[Step]:
    for step in steps:
        yield step if step.train else step.model_copy(update={"role": "not trained"})
