"""Critiques: judgements of trajectories in words, with step-level marks."""

from collections.abc import Iterable
from typing import Literal

from cladeflow.records.base import Record, Value

CritiqueSource = Literal["self", "critic", "teacher", "peer", "env", "human", "oracle", "adversary"]


class StepJudgement(Value):
    """A critic's mark on one step; ``p`` is its confidence that the mark is right."""

    i: int
    ok: bool | None = None
    p: float = 1.0
    note: str = ""


class Evidence(Value):
    """What a critique rests on."""

    text: str
    ref: str = ""


class Critique(Record):
    """One critique of one trajectory, or of a pair."""

    target: tuple[str, ...]
    author: str
    """Digest of the model, or the name of the program, that wrote it."""
    source: CritiqueSource
    ok: bool | None = None
    score: float | None = None
    steps: tuple[StepJudgement, ...] = ()
    advice: str = ""
    working: str = ""
    """What the critic wrote before its verdict, where it worked the attempt out."""
    principles: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    refined: tuple[str, ...] = ()
    intent: Literal["helpful", "misleading"] = "helpful"

    @property
    def first_error(self) -> int | None:
        """Index of the first step marked wrong."""
        return min((s.i for s in self.steps if s.ok is False), default=None)

    @property
    def text(self) -> str:
        """All that the critic wrote: its working, where there is one, and its verdict."""
        return f"{self.working}\n{self.advice}" if self.working else self.advice


def by_target(critiques: Iterable[Critique]) -> dict[str, list[Critique]]:
    """The critiques of each trajectory, by its id."""
    found: dict[str, list[Critique]] = {}
    for critique in critiques:
        for target in critique.target:
            found.setdefault(target, []).append(critique)
    return found
