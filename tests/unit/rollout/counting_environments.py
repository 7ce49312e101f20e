"""Two environments without skill: one turn, and several turns that tell how much was written."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from cladeflow.environments.base import Environment, Observation, Posed, Session
from cladeflow.records import Gold, Message, Origin, Split, Step, Task, Verdict
from cladeflow.records.trajectory import ToolCall


class Saying(Environment, name="saying", version=1):
    """Any text will do; what is before its first space is the answer."""

    families: ClassVar[tuple[str, ...]] = ("word",)
    levels: ClassVar[Mapping[str, tuple[int, ...]]] = {"word": (1,)}
    prompt_formats: ClassVar[Mapping[str, str]] = {"seed": "{task}\n"}

    def tasks(self, *, family: str, level: int, split: Split, n: int, seed: int) -> Sequence[Posed]:
        tasks = [
            Task(
                env=self.name,
                family=family,
                level=level,
                prompt=(Message(role="user", text=f"say {seed} {i}"),),
                checker=self.name,
                origin=Origin(strategy="test"),
                split=split,
            )
            for i in range(n)
        ]
        return [Posed(task, Gold(task_id=task.id, value=None)) for task in tasks]

    def check(self, task: Task, gold: Gold, steps: Sequence[Step]) -> Verdict:
        raise AssertionError("not asked in these tests")

    def demonstration(self, task: Task) -> Sequence[Step]:
        raise AssertionError("not asked in these tests")

    def answer(self, text: str) -> str | None:
        return text.partition(" ")[0] or None

    def some(self, n: int, seed: int = 0) -> list[Task]:
        """``n`` tasks."""
        return [p.task for p in self.tasks(family="word", level=1, split="train", n=n, seed=seed)]


class CountingSession(Session):
    """Counts characters; the third turn is the last."""

    def __init__(self) -> None:
        self.turns = 0

    def step(self, action: str) -> Observation:
        self.turns += 1
        call = ToolCall(tool="count", args={"turn": self.turns})
        return Observation(f"{len(action)}\n", self.turns == 3, call)


class Counting(Saying, name="counting", version=1):
    """Three turns of at most a line, each answered by its length."""

    max_turns: ClassVar[int] = 5
    stop: ClassVar[tuple[str, ...]] = ("\n",)

    def session(self, task: Task) -> Session:
        return CountingSession()


class Endless(Counting, name="endless", version=1):
    """As many turns as there may be."""

    def session(self, task: Task) -> Session:
        session = CountingSession()
        session.turns = 3
        return session
