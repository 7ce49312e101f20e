"""The environment: tasks drawn by family and level, the interaction, and exact checks by replay."""

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import ClassVar

from cladeflow.environments.base import Environment, Observation, Posed, Session, split_of
from cladeflow.environments.toolbox.families import ChainLookup, Family, Price, Table
from cladeflow.environments.toolbox.prompts import PROMPT_FORMATS
from cladeflow.environments.toolbox.tools import SPECS, Refused, call, parse_action
from cladeflow.errors import CladeflowError
from cladeflow.records import (
    Gold,
    Message,
    Origin,
    Split,
    Step,
    Target,
    Task,
    ToolCall,
    Verdict,
    Verifier,
)

FAMILIES: dict[str, Family] = {family.name: family for family in (Price(), ChainLookup())}
FRUITLESS_DRAWS = 2000
"""Draws in a row without a new task of the split after which a cell counts as exhausted."""

_ARGUMENTS = {spec.name: next(iter(spec.arguments)) for spec in SPECS}


class ToolSession(Session):
    """One episode: every line is a call or the answer, and a refused call is an observation."""

    def __init__(self, table: Mapping[str, str]) -> None:
        self._table = table

    def step(self, action: str) -> Observation:
        parsed = parse_action(action)
        if parsed is None:
            return Observation("err\n", False, ToolCall(tool="", args={"line": action}, ok=False))
        if parsed.verb == "answer":
            return Observation("", done=True)
        arguments = {_ARGUMENTS[parsed.verb]: parsed.argument}
        try:
            text, accepted = call(parsed, self._table), True
        except Refused:
            text, accepted = "err", False
        return Observation(
            f"{text}\n", False, ToolCall(tool=parsed.verb, args=arguments, ok=accepted)
        )


class Toolbox(Environment, name="toolbox", version=1):
    """Multi-turn tasks with a calculator and a table that only ``lookup`` can see.

    ``Verdict.value`` is 1 for a right answer and 0 otherwise. Parts: ``answer`` and ``format`` (an
    answer was given) are 0 or 1; ``calls_ok`` is the share of calls that the tools accepted, 1
    where there was none; ``first_error`` is the index of the first step refused, -1 for none. The
    check replays the agent's lines, so nothing a trajectory says of itself is believed.
    """

    families: ClassVar[tuple[str, ...]] = tuple(FAMILIES)
    levels: ClassVar[Mapping[str, tuple[int, ...]]] = {n: f.levels for n, f in FAMILIES.items()}
    stop: ClassVar[tuple[str, ...]] = ("\n",)
    max_turns: ClassVar[int] = 12
    gives: ClassVar[frozenset[str]] = frozenset({"steps"})
    prompt_formats: ClassVar[Mapping[str, str]] = PROMPT_FORMATS

    def tasks(self, *, family: str, level: int, split: Split, n: int, seed: int) -> Sequence[Posed]:
        """``n`` distinct tasks, or as many as the cell holds; more for the same seed only add."""
        if level not in self.levels.get(family, ()):
            cells = ", ".join(f"{f} {ls[0]}-{ls[-1]}" for f, ls in self.levels.items())
            raise CladeflowError(f"toolbox has no tasks {family} {level}; it has {cells}")
        rng = Random(f"toolbox/{family}/{level}/{split}/{seed}")
        puzzles = _draw(FAMILIES[family], level, split, rng)
        return [
            self._pose(FAMILIES[family], level, split, problem, table)
            for _, (problem, table) in zip(range(n), puzzles, strict=False)
        ]

    def _pose(self, family: Family, level: int, split: Split, problem: str, table: Table) -> Posed:
        task = Task(
            env=self.name,
            family=family.name,
            level=level,
            prompt=(Message(role="user", text=problem),),
            checker=self.name,
            tools=SPECS,
            hidden={"table": table},
            origin=Origin(strategy="generator"),
            split=split,
        )
        return Posed(task, Gold(task_id=task.id, value=family.solve(problem, table).answer))

    def session(self, task: Task) -> ToolSession:
        return ToolSession(task.hidden["table"])

    def check(self, task: Task, gold: Gold, steps: Sequence[Step]) -> Verdict:
        session, said = self.session(task), None
        accepted: list[bool] = []
        first_error = -1
        for i, step in enumerate(steps):
            if step.role != "agent":
                continue
            observation = session.step(step.text)
            if observation.done:
                said = self.answer(step.text)
                break
            accepted.append(observation.call is not None and observation.call.ok)
            if first_error < 0 and not accepted[-1]:
                first_error = i
        right = said is not None and said == gold.value
        parts = {
            "answer": float(right),
            "format": float(said is not None),
            "calls_ok": sum(accepted) / len(accepted) if accepted else 1.0,
            "first_error": float(first_error),
        }
        return Verdict(
            target=Target(id=task.id),
            value=float(right),
            ok=right,
            parts=parts,
            by=Verifier(strategy=self.name),
        )

    def demonstration(self, task: Task) -> Sequence[Step]:
        """The reference trace; raises `CladeflowError` outside the train split."""
        if task.split != "train":
            raise CladeflowError(f"task {task.id[:12]} is {task.split}: only train tasks are shown")
        solution = FAMILIES[task.family].solve(task.prompt[0].text, task.hidden["table"])
        calls = [*(f"lookup {key}" for key in solution.keys), f"calc {solution.expression}"]
        session, steps = self.session(task), list[Step]()
        for line in calls:
            seen = session.step(f"{line}\n")
            steps.append(Step(i=len(steps), text=f"{line}\n", kind="act", call=seen.call))
            told = Step(i=len(steps), role="tool", text=seen.text, kind="observe", train=0.0)
            steps.append(told)
        return [*steps, Step(i=len(steps), text=f"answer {solution.answer}\n", kind="answer")]

    def answer(self, text: str) -> str | None:
        """The number of the first answer line, which ends an episode."""
        for line in text.splitlines():
            action = parse_action(line)
            if action is not None and action.verb == "answer":
                return str(int(action.argument))
        return None


def _draw(family: Family, level: int, split: Split, rng: Random) -> Iterator[tuple[str, Table]]:
    """Distinct problems of a split until no new one turns up."""
    seen: set[str] = set()
    fruitless = 0
    while fruitless < FRUITLESS_DRAWS:
        problem, table = family.draw(level, rng)
        canonical = family.canonical(problem, table)
        if canonical in seen or split_of(canonical) != split:
            fruitless += 1
            continue
        seen.add(canonical)
        fruitless = 0
        yield problem, table
