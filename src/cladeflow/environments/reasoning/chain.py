"""Chains: a running total through additions and subtractions of one-digit terms."""

import re
from collections.abc import Sequence
from random import Random
from typing import ClassVar

from cladeflow.environments.reasoning.family import Family

LOWEST, HIGHEST = 10, 99
TERM = re.compile(r"[-+]\d")


class Chain(Family):
    """``chain 47+6-9``; the level is the number of operations.

    Totals stay within 10 to 99, so that its length alone makes a chain hard.
    """

    name: ClassVar[str] = "chain"
    levels: ClassVar[tuple[int, ...]] = tuple(range(1, 17))
    form: ClassVar[re.Pattern[str]] = re.compile(r"chain (\d+)((?:[-+]\d)+)")

    def draw(self, level: int, rng: Random) -> str:
        total = rng.randint(LOWEST, HIGHEST)
        problem = f"chain {total}"
        for _ in range(level):
            terms = [t for t in range(-9, 10) if t and LOWEST <= total + t <= HIGHEST]
            term = rng.choice(terms)
            total += term
            problem += f"{term:+d}"
        return problem

    def level(self, problem: str) -> int:
        return len(self.parse(problem)[1]) // 2

    def solve(self, problem: str, done: Sequence[str] = ()) -> list[str]:
        start, terms = self.parse(problem)
        total = int(done[-1].rpartition("=")[2] if done else start)
        lines = []
        for term in TERM.findall(terms)[len(done) :]:
            lines.append(f"{total}{term}={total + int(term)}")
            total += int(term)
        return [*lines, f"={total}"]

    def sound(self, problem: str) -> bool:
        totals = [int(line.rpartition("=")[2]) for line in self.solve(problem)]
        return all(LOWEST <= total <= HIGHEST for total in totals)

    def answer(self, problem: str) -> str:
        start, terms = self.parse(problem)
        return str(int(start) + sum(map(int, TERM.findall(terms))))
