"""The environment: tasks drawn by family and level, and their exact checks."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from random import Random
from typing import ClassVar, Literal

from cladeflow.environments.base import Environment, Posed, split_of
from cladeflow.environments.judgement import read_judgement, write_judgement
from cladeflow.environments.reasoning.addition import Addition
from cladeflow.environments.reasoning.chain import Chain
from cladeflow.environments.reasoning.corrupt import candidate
from cladeflow.environments.reasoning.countdown import Countdown
from cladeflow.environments.reasoning.family import (
    ANSWER,
    Family,
    bare_lines,
    grammar_lines,
    vary,
)
from cladeflow.environments.reasoning.prompts import PROMPT_FORMATS
from cladeflow.errors import CladeflowError
from cladeflow.records import Gold, Message, Origin, Split, Step, Subject, Task, Verdict
from cladeflow.records.verdict import Target, Verifier

FAMILIES: dict[str, Family] = {family.name: family for family in (Chain(), Addition(), Countdown())}
BY_WORD = {"chain": FAMILIES["chain"], "add": FAMILIES["addition"], "make": FAMILIES["countdown"]}
FRUITLESS_DRAWS = 2000
"""Draws in a row without a new task of the split after which a cell counts as exhausted."""

_FREE_ANSWER = re.compile(r"(?:answer(?: is)?\s*:?|\\boxed\{)[\s*$]*(-?\d+)", re.IGNORECASE)
_VERIFIER = Verifier(strategy="reasoning")


class Reasoning(Environment, name="reasoning", version=2):
    """Arithmetic with steps that can be checked one by one.

    ``Verdict.value`` is 1 for a right answer and 0 otherwise. Parts: ``answer`` and ``format``
    (an answer could be read) are 0 or 1; ``steps`` is the share of lines before the first wrong
    one, 1 where there is none; ``first_error`` is the index of that line, -1 for none. Only lines
    in the grammar count as steps, so a chat model's prose is neither right nor wrong.
    """

    gives: ClassVar[frozenset[str]] = frozenset({"steps", "judge"})
    families: ClassVar[tuple[str, ...]] = tuple(FAMILIES)
    levels: ClassVar[Mapping[str, tuple[int, ...]]] = {n: f.levels for n, f in FAMILIES.items()}
    frontier: ClassVar[Mapping[str, tuple[int, ...]]] = {
        "chain": (5, 6),
        "addition": (4,),
        "countdown": (3,),
    }
    mastered: ClassVar[Mapping[str, tuple[int, ...]]] = {"chain": (2, 3, 4), "addition": (2, 3)}
    prompt_formats: ClassVar[Mapping[str, str]] = PROMPT_FORMATS

    def tasks(self, *, family: str, level: int, split: Split, n: int, seed: int) -> Sequence[Posed]:
        """``n`` distinct problems; raises `CladeflowError` where the cell does not hold as many."""
        posed = self.at_most(family=family, level=level, split=split, n=n, seed=seed)
        if len(posed) < n:
            raise CladeflowError(
                f"reasoning {family} {level} has only {len(posed)} {split} tasks, not {n}: "
                "ask for fewer, or for a higher level"
            )
        return posed

    def at_most(
        self, *, family: str, level: int, split: Split, n: int, seed: int
    ) -> Sequence[Posed]:
        if level not in self.levels.get(family, ()):
            cells = ", ".join(f"{f} {ls[0]}-{ls[-1]}" for f, ls in self.levels.items())
            raise CladeflowError(f"reasoning has no tasks {family} {level}; it has {cells}")
        rng = Random(f"reasoning/{family}/{level}/{split}/{seed}")
        problems = _draw(FAMILIES[family], level, split, rng)
        return [self.pose(problem) for problem in islice(problems, n)]

    def variants(self, task: Task, *, level: int, n: int, key: str) -> Sequence[Posed]:
        """At the task's own level, the task with one of its numbers changed."""
        if level != task.level:
            return super().variants(task, level=level, n=n, key=key)
        family, problem = _problem(task)
        near = _near(family, problem, Random(f"reasoning/variants/{key}"))
        return [self.pose(problem) for problem in islice(near, n)]

    def judge_tasks(
        self, *, family: str, level: int, split: Split, n: int, seed: int
    ) -> Sequence[Posed]:
        """Tasks to judge attempts at the problems of `tasks`, about half of them corrupted."""
        rng = Random(f"reasoning/judge/{family}/{level}/{split}/{seed}")
        return [
            self.pose_judge(posed.task, "\n".join(candidate(*_problem(posed.task), rng)))
            for posed in self.at_most(family=family, level=level, split=split, n=n, seed=seed)
        ]

    def pose(self, problem: str) -> Posed:
        """The task of a problem line; raises `CladeflowError` where it is not in the grammar."""
        family = _family(problem)
        task = Task(
            env=self.name,
            family=family.name,
            level=family.level(problem),
            prompt=(Message(role="user", text=problem),),
            checker=self.name,
            origin=Origin(strategy="generator"),
            split=split_of(family.canonical(problem)),
        )
        return Posed(task, Gold(task_id=task.id, value=family.answer(problem)))

    def pose_judge(
        self, task: Task, attempt: str, source: Literal["policy", "corrupted"] = "corrupted"
    ) -> Posed:
        """The task to judge an attempt at a solve task, in that task's split."""
        family, problem = _problem(task)
        text = self.judge_prompt(task, [Step(i=0, text=attempt)])
        judging = Task(
            env=self.name,
            family=task.family,
            level=task.level,
            kind="judge",
            prompt=(Message(role="user", text=text),),
            checker=self.name,
            subject=Subject(task_id=task.id, candidates=(attempt,), source=source),
            origin=Origin(strategy="generator", parents=(task.id,)),
            split=task.split,
        )
        return Posed(judging, Gold(task_id=judging.id, value=_judge(family, problem, attempt)))

    def working(self, task: Task, steps: Sequence[Step]) -> str:
        family, problem = _problem(task)
        return "\n".join(_review(family, problem, _text(steps)))

    def check(self, task: Task, gold: Gold, steps: Sequence[Step]) -> Verdict:
        text = _text(steps)
        lines = grammar_lines(text)
        said = _answer(text, lines)
        if task.kind == "judge":
            return _verdict(gold, said == gold.value, said, -1, 0)
        family, problem = _problem(task)
        right = said == gold.value and family.proves(problem, lines)
        return _verdict(gold, right, said, family.first_error(problem, lines), len(lines))

    def demonstration(self, task: Task) -> Sequence[Step]:
        """The reference trace; raises `CladeflowError` outside the train split."""
        if task.split != "train":
            raise CladeflowError(f"task {task.id[:12]} is {task.split}: only train tasks are shown")
        family, problem = _problem(task)
        if task.subject is not None:
            attempt = task.subject.candidates[0]
            lines = [*_review(family, problem, attempt), _judge(family, problem, attempt)]
        else:
            lines = family.solve(problem)
        steps = [Step(i=i, text=line + "\n") for i, line in enumerate(lines[:-1])]
        return [*steps, Step(i=len(steps), text=lines[-1], kind="answer")]

    def answer(self, text: str) -> str | None:
        """A judgement, else the answer line's number, else the last ``Answer: N`` or boxed one."""
        return _answer(text, bare_lines(text))


def _answer(text: str, lines: Sequence[str]) -> str | None:
    """`answer` of a text and its lines; those in the grammar will do."""
    said = read_judgement(text)
    if said is not None:
        return write_judgement(said)
    for line in lines:
        if match := ANSWER.fullmatch(line):
            return match[1]
    free = _FREE_ANSWER.findall(text)
    return str(free[-1]) if free else None


def _draw(family: Family, level: int, split: Split, rng: Random) -> Iterator[str]:
    """Distinct problems of a split until no new one turns up."""
    seen: set[str] = set()
    fruitless = 0
    while fruitless < FRUITLESS_DRAWS:
        problem = family.draw(level, rng)
        canonical = family.canonical(problem)
        if canonical in seen or split_of(canonical) != split:
            fruitless += 1
            continue
        seen.add(canonical)
        fruitless = 0
        yield problem


def _near(family: Family, problem: str, rng: Random) -> Iterator[str]:
    """Distinct train problems that differ from ``problem`` in one number, until none turns up."""
    seen = {family.canonical(problem)}
    for _ in range(FRUITLESS_DRAWS):
        changed = vary(problem, rng)
        if not family.valid(changed) or family.level(changed) != family.level(problem):
            continue
        canonical = family.canonical(changed)
        if canonical in seen or split_of(canonical) != "train" or not family.sound(changed):
            continue
        seen.add(canonical)
        yield changed


def _family(problem: str) -> Family:
    family = BY_WORD.get(problem.partition(" ")[0])
    if family is None or not family.valid(problem):
        raise CladeflowError(
            f"{problem!r} is no task of reasoning; write it as "
            '"chain 47+6-9", "add 58+67" or "make 26 from 3 5 7"'
        )
    return family


def _problem(task: Task) -> tuple[Family, str]:
    """Family and problem line of a task to solve or to judge."""
    line = task.prompt[0].text.partition("\n")[0].removeprefix("judge ")
    return FAMILIES[task.family], line


def _text(steps: Sequence[Step]) -> str:
    return "".join([step.text for step in steps if step.role == "agent"])


def _review(family: Family, problem: str, attempt: str) -> list[str]:
    return family.review(problem, grammar_lines(attempt))


def _judge(family: Family, problem: str, attempt: str) -> str:
    return write_judgement(family.first_error(problem, grammar_lines(attempt)))


def _verdict(gold: Gold, right: bool, said: str | None, first_error: int, lines: int) -> Verdict:
    """The verdict on one attempt, addressed by its task: the caller knows the trajectory."""
    return Verdict(
        target=Target(id=gold.task_id),
        value=float(right),
        ok=right,
        parts={
            "answer": float(right),
            "format": float(said is not None),
            "steps": 1.0 if first_error < 0 else first_error / lines,
            "first_error": float(first_error),
        },
        by=_VERIFIER,
    )
