"""What a family of reasoning problems is, and the grammar its solutions share.

A problem is one line. A solution is one equation per line and ends with the answer line ``=N``::

    chain 47+6-9        add 58+67        make 26 from 3 5 7
    47+6=53             8+7=15           3*7=21
    53-9=44             5+6+1=12         21+5=26
    =44                 =125             =26
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from random import Random
from typing import ClassVar

STEP = re.compile(r"-?\d+(?:[-+*]\d+)+=-?\d+")
NUMBER = re.compile(r"\d+")
ANSWER = re.compile(r"=(-?\d+)")


class Family(ABC):
    """Problems of one kind. Lines are without their newline here."""

    name: ClassVar[str]
    levels: ClassVar[tuple[int, ...]]
    form: ClassVar[re.Pattern[str]]
    """What a problem line looks like."""

    def valid(self, problem: str) -> bool:
        """Whether a text is a problem of the family."""
        return self.form.fullmatch(problem) is not None

    def parse(self, problem: str) -> tuple[str, ...]:
        """The groups of `form` in a problem that is valid."""
        match = self.form.fullmatch(problem)
        if match is None:
            raise ValueError(f"{problem!r} is no problem of {self.name}")
        return match.groups()

    @abstractmethod
    def draw(self, level: int, rng: Random) -> str:
        """One problem of a level."""

    @abstractmethod
    def level(self, problem: str) -> int:
        """The level of a valid problem."""

    @abstractmethod
    def solve(self, problem: str, done: Sequence[str] = ()) -> list[str]:
        """The lines that lead from ``done`` (right or wrong) to an answer line."""

    @abstractmethod
    def answer(self, problem: str) -> str:
        """The answer, canonical."""

    def canonical(self, problem: str) -> str:
        """The same text for all ways to write the problem: what decides its split."""
        return problem

    def sound(self, problem: str) -> bool:
        """Whether a valid problem is one that `draw` could have given."""
        return True

    def proves(self, problem: str, lines: Sequence[str]) -> bool:
        """Whether a right answer counts with these lines; where it speaks for itself, always."""
        return True

    def first_error(self, problem: str, lines: Sequence[str]) -> int:
        """Index of the first wrong line, -1 if none; by comparison where only one trace is right.

        A missing end is no error of a line.
        """
        right = self.solve(problem)
        for i, line in enumerate(lines):
            if i >= len(right) or line != right[i]:
                return i
        return -1

    def review(self, problem: str, lines: Sequence[str]) -> list[str]:
        """``lines`` as they should read, up to the first wrong one: a judge's working."""
        right, error = self.solve(problem), self.first_error(problem, lines)
        return right[: len(lines) if error < 0 else error + 1]


def vary(problem: str, rng: Random) -> str:
    """``problem`` with one of its numbers replaced by another of as many digits."""
    places = list(NUMBER.finditer(problem))
    place = rng.choice(places)
    digits = len(place[0])
    number = rng.randint(10 ** (digits - 1), 10**digits - 1)
    return f"{problem[: place.start()]}{number}{problem[place.end() :]}"


def grammar_lines(text: str) -> list[str]:
    """The lines of ``text`` that are in the grammar, without spaces, up to its answer line."""
    lines = []
    for line in bare_lines(text):
        if ANSWER.fullmatch(line):
            lines.append(line)
            break
        if STEP.fullmatch(line):
            lines.append(line)
    return lines


def bare_lines(text: str) -> list[str]:
    """The lines of ``text`` without spaces."""
    return text.replace(" ", "").splitlines()
