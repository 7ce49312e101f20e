"""What an environment is: tasks by difficulty, an interaction, exact checks, reference traces."""

import hashlib
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple

from cladeflow.environments.judgement import read_judgement
from cladeflow.errors import CladeflowError
from cladeflow.records import Gold, Message, Split, Step, Task, Verdict
from cladeflow.records.trajectory import ToolCall
from cladeflow.strategy import Strategy

SPLIT_SHARES: dict[Split, int] = {
    "train": 70,
    "dev": 10,
    "heldout": 15,
    "probe": 2,
    "reserve": 3,
}
"""Percent of all possible tasks that belong to each split."""


def split_of(canonical_task: str) -> Split:
    """The split a task belongs to, by the hash of its canonical text, so splits cannot overlap."""
    bucket = int.from_bytes(hashlib.sha256(canonical_task.encode()).digest()[:4]) % 100
    for split, share in SPLIT_SHARES.items():
        if bucket < share:
            return split
        bucket -= share
    raise AssertionError("shares do not add up to 100")


class Posed(NamedTuple):
    """A task with its gold, before the two go their separate ways."""

    task: Task
    gold: Gold


class Observation(NamedTuple):
    """What the environment answers to an action; ``text`` is empty where it has nothing to say."""

    text: str
    done: bool
    call: ToolCall | None = None


class Session:
    """One episode's interaction with one task; single-turn unless overridden."""

    def step(self, action: str) -> Observation:
        """Take the agent's whole turn and answer it."""
        return Observation("", done=True)


class Environment(Strategy, slot="environment"):
    """A family of tasks with its own interaction and checks (Gymnasium semantics).

    ``check`` is called in a killable checker process only, never where an agent runs.
    """

    families: ClassVar[tuple[str, ...]]
    levels: ClassVar[Mapping[str, tuple[int, ...]]]
    """Difficulty levels by family, easiest first."""
    frontier: ClassVar[Mapping[str, tuple[int, ...]]] = {}
    """Levels by family where the seed model has most to learn; what benchmarks measure."""
    mastered: ClassVar[Mapping[str, tuple[int, ...]]] = {}
    """Levels by family that the seed model solves already; what must not be forgotten."""
    stop: ClassVar[tuple[str, ...]] = ()
    """Strings that end an agent's turn (kept in the turn's text)."""
    max_turns: ClassVar[int] = 1
    prompt_formats: ClassVar[Mapping[str, str]]
    """Template by kind of model (seed, chat, base) with ``{task}``; part of an agent's scaffold."""
    addresses: ClassVar[frozenset[str]] = frozenset()
    """Options that say where something lies, not what it is: in no identity."""

    @abstractmethod
    def tasks(self, *, family: str, level: int, split: Split, n: int, seed: int) -> Sequence[Posed]:
        """``n`` distinct tasks of one cell, fewer where it holds no more.

        The same for the same arguments; a larger ``n`` only adds to the end.
        """

    def at_most(
        self, *, family: str, level: int, split: Split, n: int, seed: int
    ) -> Sequence[Posed]:
        """As `tasks`, for environments that raise where a cell holds fewer: then all it holds."""
        return self.tasks(family=family, level=level, split=split, n=n, seed=seed)

    def variants(self, task: Task, *, level: int, n: int, key: str) -> Sequence[Posed]:
        """At most ``n`` distinct train tasks like a train ``task``, at one of its family's levels.

        Others of the family, where an environment does not know how to change a task a little.
        ``key`` seeds them.
        """
        seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8])
        return self.tasks(family=task.family, level=level, split="train", n=n, seed=seed)

    def judge_tasks(
        self, *, family: str, level: int, split: Split, n: int, seed: int
    ) -> Sequence[Posed]:
        """Tasks to judge attempts at the tasks of a cell; for those that give ``judge`` only."""
        raise CladeflowError(f"{self.name} poses no tasks to judge attempts")

    def pose_judge(
        self, task: Task, attempt: str, source: Literal["policy", "corrupted"] = "corrupted"
    ) -> Posed:
        """The task to judge an attempt at a solve task; for those that give ``judge`` only."""
        raise CladeflowError(f"{self.name} poses no tasks to judge attempts")

    def working(self, task: Task, steps: Sequence[Step]) -> str:
        """What a judge should write before its verdict on an attempt at a train task."""
        return ""

    @abstractmethod
    def check(self, task: Task, gold: Gold, steps: Sequence[Step]) -> Verdict:
        """Judge an attempt exactly. ``parts`` holds at least ``answer`` and ``format`` (0 or 1)."""

    @abstractmethod
    def demonstration(self, task: Task) -> Sequence[Step]:
        """A reference trace of a train task (a demonstration; not to be asked of other splits)."""

    @abstractmethod
    def answer(self, text: str) -> str | None:
        """The final answer in an agent's text, canonical, or None where it does not parse."""

    def pose(self, text: str) -> Posed:
        """The task that a user's text is; raises `CladeflowError` where it is none."""
        raise CladeflowError(f"{self.name} poses its own tasks and takes none as text")

    def prompts(self, kind: str) -> Sequence[str]:
        """Templates for a kind of model, best first: the first that fits its context is used."""
        return [self.prompt_formats[kind]]

    def texts(self) -> Sequence[str]:
        """What may stand for ``{task}``, where that is known beforehand."""
        return []

    def identity(self) -> dict[str, Any]:
        return {k: v for k, v in super().identity().items() if k not in self.addresses}

    def session(self, task: Task) -> Session:
        """A fresh interaction with ``task``."""
        return Session()

    def render(self, messages: Sequence[Message]) -> str:
        """The task as the seed grammar writes it: what ``{task}`` stands for."""
        return "".join(message.text for message in messages)

    def judge_prompt(self, task: Task, steps: Sequence[Step]) -> str:
        """What a judge of an attempt is asked; goes where ``{task}`` stands in a prompt format."""
        return f"judge {self.render(task.prompt)}\n{_lines(steps)}\n?"

    def revise_prompt(self, task: Task, steps: Sequence[Step], critique: str) -> str:
        """What a reviser is asked, as `judge_prompt`; ``critique`` is ``ok`` or ``err k``."""
        return f"revise {self.render(task.prompt)}\n{_lines(steps)}\n{critique.strip()}"

    def judgement(self, text: str) -> int | None:
        """Index of the first wrong step by a judge's answer; -1 for ok, None if it is neither."""
        return read_judgement(text)


def _lines(steps: Sequence[Step]) -> str:
    return "".join([step.text for step in steps]).strip()
