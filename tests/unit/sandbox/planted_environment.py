"""An environment whose checker does what an attempt says, be it to hang or to crash."""

import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from typing import ClassVar

from cladeflow.environments.base import Environment, Posed
from cladeflow.records import (
    Gold,
    Message,
    Origin,
    Split,
    Step,
    Target,
    Task,
    Verdict,
    Verifier,
)

SECRET = "never-tell-this-gold"


class Planted(Environment, name="planted"):
    families: ClassVar[tuple[str, ...]] = ("any",)
    levels: ClassVar[Mapping[str, tuple[int, ...]]] = {"any": (1,)}
    prompt_formats: ClassVar[Mapping[str, str]] = {"seed": "{task}\n"}

    def tasks(self, *, family: str, level: int, split: Split, n: int, seed: int) -> Sequence[Posed]:
        return [pose(f"{seed}/{i}") for i in range(n)]

    def check(self, task: Task, gold: Gold, steps: Sequence[Step]) -> Verdict:
        said, note = "".join(step.text for step in steps), ""
        match said:
            case "sleep":
                time.sleep(3600)
            case "spin":
                sum(iter(int, 1))  # runs inside one C call that never returns
            case "raise":
                raise ValueError(f"expected {gold.value}")
            case "exit":
                sys.exit(f"expected {gold.value}")
            case "segfault":
                os.kill(os.getpid(), signal.SIGSEGV)
            case "hog":
                bytearray(3 << 30)
            case "print":
                print("not a verdict", gold.value, flush=True)
            case "environment":
                note = ",".join(sorted(os.environ))
            case "pid":
                note = str(os.getpid())
            case _ if said.startswith("echo"):
                note = said
            case "nan":
                return Verdict(
                    target=Target(id=task.id), value=float("nan"), by=Verifier(strategy=self.name)
                )
        right = said == gold.value
        return Verdict(
            target=Target(id=task.id),
            value=float(right),
            ok=right,
            parts={"answer": float(right), "format": 1.0},
            by=Verifier(strategy=self.name),
            note=note,
        )

    def demonstration(self, task: Task) -> Sequence[Step]:
        return []

    def answer(self, text: str) -> str | None:
        return text or None


def pose(prompt: str, answer: str = SECRET) -> Posed:
    task = Task(
        env="planted",
        family="any",
        level=1,
        prompt=(Message(role="user", text=prompt),),
        checker="planted",
        origin=Origin(strategy="test"),
    )
    return Posed(task, Gold(task_id=task.id, value=answer))


def attempt(text: str) -> tuple[Step, ...]:
    return (Step(i=0, text=text),)
