"""No training example may contain a held-out task: by its words, or by its descent."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from cladeflow.fine_tune.base import RoundData
from cladeflow.records import Step, Task, TrainingExample

VERSION = 1
"""Raised when equal inputs would be screened otherwise; part of the update's input hash."""
N = 13
"""Words of a gram."""
_AROUND = ".,;:!?\"'`()[]{}“”‘’…"
_STEPS = ("steps", "condition", "chosen", "rejected", "response")

Words = tuple[str, ...]
Render = Callable[[Task], str]


class Screened(NamedTuple):
    """Examples fit to train on, and how many were left out, by reason."""

    examples: list[TrainingExample]
    dropped: dict[str, int]


def words(text: str) -> Words:
    """``text`` in lower case, cut at white space, words bare of the punctuation around them.

    What stands inside a word stays, so that ``47+6-9`` is one word and not the same as ``47-6+9``.
    """
    return tuple([w for raw in text.casefold().split() if (w := raw.strip(_AROUND))])


class HeldOut:
    """The tasks that an agent is measured on, ready to be looked for.

    An example overlaps with a task of at least `N` words where they share `N` words in a row (Brown
    et al. 2020, Language Models are Few-Shot Learners, arXiv:2005.14165, appendix C: 13-grams of
    words without case and punctuation), and with a shorter task where one of its lines ends with
    all of the task's words: a short task as a part of another one, such as ``make 26 from 3 5``
    in ``make 26 from 3 5 7``, is no overlap, a judge's ``judge chain 47+6-9`` is.
    """

    def __init__(self, tasks: Iterable[Task], render: Render) -> None:
        self.ids: set[str] = set()
        self._grams: set[Words] = set()
        self._whole: set[Words] = set()
        for task in tasks:
            self.ids.add(task.id)
            found = words(render(task))
            if len(found) < N:
                self._whole.add(found)
            self._grams.update(_grams(found))
        self._lengths = {len(task) for task in self._whole}

    def in_text(self, text: str) -> bool:
        """Whether a text overlaps with a held-out task."""
        if not self._grams.isdisjoint(_grams(words(text))):
            return True
        lines = [words(line) for line in text.splitlines()] if self._whole else []
        return any(line[-n:] in self._whole for line in lines for n in self._lengths)

    def in_descent(self, task: Task, known: Mapping[str, Task]) -> bool:
        """Whether a task, or one that it was made from, is not of the train split."""
        if task.split != "train" or task.id in self.ids:
            return True
        parents = [*task.origin.parents, *([task.subject.task_id] if task.subject else [])]
        return any(
            parent in self.ids or (parent in known and self.in_descent(known[parent], known))
            for parent in parents
        )


def screen(
    examples: Sequence[TrainingExample], data: RoundData, held_out: HeldOut, render: Render
) -> Screened:
    """Leave out the examples that overlap with ``held_out`` or descend from it.

    An example's words are those of the tasks of its sources and of its own steps.
    """
    attempts = (*data.trajectories, *data.replayed)
    task_of = {t.id: data.tasks[t.task_id] for t in attempts if t.task_id in data.tasks}
    unfit = {id: _task_reason(task, data, held_out, render) for id, task in data.tasks.items()}
    kept, dropped = list[TrainingExample](), dict[str, int]()
    for example in examples:
        tasks = {task_of[source].id for source in example.sources if source in task_of}
        reason = next((unfit[task] for task in sorted(tasks) if unfit[task]), None)
        if reason is None and held_out.in_text("\n".join(_written(example))):
            reason = "overlap"
        if reason is None:
            kept.append(example)
        else:
            dropped[reason] = dropped.get(reason, 0) + 1
    return Screened(kept, dropped)


def _task_reason(task: Task, data: RoundData, held_out: HeldOut, render: Render) -> str | None:
    if held_out.in_descent(task, data.tasks):
        return "lineage"
    return "overlap" if held_out.in_text(render(task)) else None


def _written(example: TrainingExample) -> Iterator[str]:
    """The text of an example: its prompt where that is text, then its steps, part by part."""
    if isinstance(example.prompt, str):
        yield example.prompt
    for name in _STEPS:
        steps: Sequence[Step] = getattr(example, name, ())
        yield "".join([step.text for step in steps])


def _grams(found: Words) -> Iterator[Words]:
    return zip(*(found[i:] for i in range(N)), strict=False)
