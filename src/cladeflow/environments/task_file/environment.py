"""The environment: a file's questions as tasks, checked by the checker that each one names."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from cladeflow.environments.base import Environment, Posed
from cladeflow.environments.task_file import prompts
from cladeflow.environments.task_file.answers import NEXT_TASK, attempt_of, final, normal
from cladeflow.environments.task_file.checkers import CHECKERS, Key
from cladeflow.environments.task_file.checkers.numeric import stated
from cladeflow.environments.task_file.reading import Question, read_questions
from cladeflow.errors import CladeflowError
from cladeflow.records import Gold, Message, Origin, Split, Step, Target, Task, Verdict, Verifier

CheckerName = Literal["exact", "numeric", "regex", "choice"]
FAMILY, LEVEL = "tasks", 1


class TaskFile(Environment, name="task_file", version=1):
    """The questions of one JSONL file (docs/tasks.md), one family at one level.

    ``Verdict.value`` is 1 for a right answer and 0 otherwise. Parts: ``answer`` and ``format``
    (an answer could be read) are 0 or 1. A task's gold holds all that its check needs.

    The file is known by its digest: where it lies is no part of an identity, and a file that is
    gone or changed is an error wherever its tasks are needed. Examples that a base model's prompt
    shows are never posed.
    """

    families: ClassVar[tuple[str, ...]] = (FAMILY,)
    levels: ClassVar[Mapping[str, tuple[int, ...]]] = {FAMILY: (LEVEL,)}
    stop: ClassVar[tuple[str, ...]] = (NEXT_TASK,)
    addresses: ClassVar[frozenset[str]] = frozenset({"path"})
    prompt_formats: ClassVar[Mapping[str, str]] = {
        "seed": prompts.SEED,
        "chat": prompts.chat(()),
        "base": prompts.ZERO_SHOT,
    }

    path: str = ""
    """The file; only its tasks' checks can do without."""
    sha256: str = ""
    """Of the file; by default that of the file as it is."""
    checker: CheckerName | None = None
    """For lines that name none; by default numeric, choice or exact, as the answer looks."""
    tolerance: float = Field(default=0.0, ge=0)
    """Of the numeric checker, absolute, for lines that name none."""

    @model_validator(mode="before")
    @classmethod
    def _pin(cls, options: Any) -> Any:
        """Fix where the file lies and what it holds."""
        if not isinstance(options, dict) or not options.get("path") or options.get("sha256"):
            return options
        path = Path(str(options["path"])).expanduser().resolve()
        return {**options, "path": str(path), "sha256": hashlib.sha256(_read(path)).hexdigest()}

    def tasks(self, *, family: str, level: int, split: Split, n: int, seed: int) -> Sequence[Posed]:
        """``n`` of the split's tasks, or as many as there are."""
        if (family, level) != (FAMILY, LEVEL):
            raise CladeflowError(
                f"task_file has no tasks {family} {level}; it has {FAMILY} {LEVEL}"
            )
        pool = [q for q in self.questions if q.split == split]
        if split == "train":
            shown = prompts.examples(pool)
            pool = [q for q in pool if q not in shown] or pool
        Random(f"task_file/{self.sha256}/{split}/{seed}").shuffle(pool)
        return [self._pose(question) for question in pool[:n]]

    def pose(self, text: str) -> Posed:
        """The task with this question or id; raises `CladeflowError` where the file has none."""
        wanted = " ".join(text.split())
        for question in self.questions:
            if wanted in (question.id, " ".join(question.text.split())):
                return self._pose(question)
        raise CladeflowError(
            f"{text!r} is no question of {self.path}, nor the id of one (ids are the file's own, "
            'else "line 7")'
        )

    def check(self, task: Task, gold: Gold, steps: Sequence[Step]) -> Verdict:
        key, checker = Key.model_validate(gold.value), CHECKERS[task.checker]
        text = "".join(step.text for step in steps if step.role == "agent")
        said = checker.said(attempt_of(text), key)
        right = said is not None and checker.accepts(said, key)
        return Verdict(
            target=Target(id=task.id),
            value=float(right),
            ok=right,
            parts={"answer": float(right), "format": float(said is not None)},
            by=Verifier(strategy=self.name),
        )

    def demonstration(self, task: Task) -> Sequence[Step]:
        """The file's own worked answer; raises `CladeflowError` where there is none to show."""
        if task.split != "train":
            raise CladeflowError(f"task {task.id[:12]} is {task.split}: only train tasks are shown")
        question = next(q for q in self.questions if q.text == task.prompt[0].text)
        lines = prompts.solution(question)
        if not lines:
            raise CladeflowError(
                f"{self.path} line {question.line} has no worked answer to show; "
                "give it one as 'solution'"
            )
        steps = [Step(i=i, text=line + "\n") for i, line in enumerate(lines[:-1])]
        return [*steps, Step(i=len(steps), text=lines[-1], kind="answer")]

    def answer(self, text: str) -> str | None:
        """The final answer as all of the file's checkers would read it; `check` knows the key."""
        attempt = attempt_of(text)
        if self._checkers == {"numeric"}:
            return stated(attempt)
        return normal(final(attempt) or "") or None

    def prompts(self, kind: str) -> Sequence[str]:
        """For a base model, with as many worked examples of the file as its context takes."""
        train = [q for q in self.questions if q.split == "train"]
        if kind == "chat":
            return [prompts.chat(self._checkers)]
        if kind == "base":
            shown = prompts.examples(train)
            return [prompts.few_shot(shown[:n]) for n in range(len(shown), -1, -1)]
        return super().prompts(kind)

    def texts(self) -> Sequence[str]:
        return [question.text for question in self.questions]

    @property
    def questions(self) -> Sequence[Question]:
        """What the file holds, in order; raises `CladeflowError` where it is not what it was."""
        if not self.path:
            raise CladeflowError("task_file: name its file, as in --tasks my-tasks.jsonl")
        return _questions(Path(self.path), self.sha256, self.checker, self.tolerance)

    @property
    def _checkers(self) -> frozenset[str]:
        return _checkers(Path(self.path), self.sha256, self.checker, self.tolerance)

    def _pose(self, question: Question) -> Posed:
        task = Task(
            env=self.name,
            family=FAMILY,
            level=LEVEL,
            prompt=(Message(role="user", text=question.text),),
            checker=question.checker,
            hidden={"id": question.id},
            origin=Origin(strategy=self.name, licence="unstated"),
            split=question.split,
        )
        key = question.key.model_dump(mode="json", exclude_defaults=True)
        return Posed(task, Gold(task_id=task.id, value=key))


@lru_cache(maxsize=4)
def _questions(
    path: Path, sha256: str, checker: str | None, tolerance: float
) -> tuple[Question, ...]:
    data = _read(path)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise CladeflowError(
            f"{path} has changed since the evolution began (expected digest {sha256[:12]}); "
            "restore it, or start another home with --home"
        )
    return read_questions(path, data, checker, tolerance)


@lru_cache(maxsize=4)
def _checkers(path: Path, sha256: str, checker: str | None, tolerance: float) -> frozenset[str]:
    return frozenset(q.checker for q in _questions(path, sha256, checker, tolerance))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CladeflowError(
            f"{path}: {error.strerror}; a task file is JSON lines with question and answer"
        ) from error
