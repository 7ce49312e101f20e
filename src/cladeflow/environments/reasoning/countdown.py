"""Countdown: reach a target from given numbers, each used at most once."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from random import Random
from typing import ClassVar

from cladeflow.environments.reasoning.family import Family

HIGHEST = 99
EQUATION = re.compile(r"(\d+)([-+*])(\d+)=(\d+)")


class Countdown(Family):
    """``make 26 from 3 5 7``; the level is how many numbers there are (1 to 9, in order).

    Every line combines two numbers that are left by +, - or *; its result joins them.
    """

    name: ClassVar[str] = "countdown"
    levels: ClassVar[tuple[int, ...]] = (2, 3, 4, 5)
    form: ClassVar[re.Pattern[str]] = re.compile(r"make (\d+) from (\d+(?: \d+){1,5})")

    def draw(self, level: int, rng: Random) -> str:
        numbers = pool = sorted(rng.randint(1, 9) for _ in range(level))
        while len(pool) > 1:
            moves = list(_moves(pool)) or [("", numbers)]
            _, pool = rng.choice(moves)
        return f"make {pool[0]} from {' '.join(map(str, numbers))}"

    def level(self, problem: str) -> int:
        return len(self._numbers(problem)[1])

    def solve(self, problem: str, done: Sequence[str] = ()) -> list[str]:
        target, pool = self._numbers(problem)
        last = target
        for line in done:
            a, _, b, last = _equation(line)
            pool = sorted([*(Counter(pool) - Counter((a, b))).elements(), last])
        lines = _search(pool, target)
        return [f"={last}"] if lines is None else [*lines, f"={target}"]

    def answer(self, problem: str) -> str:
        return self.parse(problem)[0]

    def sound(self, problem: str) -> bool:
        numbers = self._numbers(problem)[1]
        return numbers == sorted(numbers) and self.proves(problem, self.solve(problem))

    def proves(self, problem: str, lines: Sequence[str]) -> bool:
        """The target is known beforehand, so only legal lines that reach it count."""
        results = [line.rpartition("=")[2] for line in lines if not line.startswith("=")]
        return results[-1:] == [self.answer(problem)] and self.first_error(problem, lines) < 0

    def first_error(self, problem: str, lines: Sequence[str]) -> int:
        target, pool = self._numbers(problem)
        last = None
        for i, line in enumerate(lines):
            if line.startswith("="):
                return -1 if line == f"={target}" and last == target else i
            match = EQUATION.fullmatch(line)
            if match is None:
                return i
            a, b, last = int(match[1]), int(match[3]), int(match[4])
            if last != _apply(a, match[2], b) or not _take(pool, a) or not _take(pool, b):
                return i
            pool.append(last)
        return -1

    def review(self, problem: str, lines: Sequence[str]) -> list[str]:
        """Every line with its right result, for any legal line is as good as another."""
        error = self.first_error(problem, lines)
        return [_worked(line, self.answer(problem)) for line in lines[: error + 1 or None]]

    def _numbers(self, problem: str) -> tuple[int, list[int]]:
        """Target and given numbers."""
        target, numbers = self.parse(problem)
        return int(target), [int(n) for n in numbers.split()]


def _equation(line: str) -> tuple[int, str, int, int]:
    match = EQUATION.fullmatch(line)
    if match is None:
        raise ValueError(line)
    return int(match[1]), match[2], int(match[3]), int(match[4])


def _worked(line: str, target: str) -> str:
    match = EQUATION.fullmatch(line)
    if match is None:
        return f"={target}"
    return f"{line.rpartition('=')[0]}={_apply(int(match[1]), match[2], int(match[3]))}"


def _apply(a: int, sign: str, b: int) -> int:
    return a + b if sign == "+" else a - b if sign == "-" else a * b


def _take(pool: list[int], number: int) -> bool:
    if number not in pool:
        return False
    pool.remove(number)
    return True


def _moves(pool: Sequence[int]) -> Iterator[tuple[str, list[int]]]:
    """Every useful line and the sorted pool after it; results stay within 1 to 99."""
    for j in range(len(pool)):
        for i in range(j):
            low, high = sorted((pool[i], pool[j]))
            rest = [*pool[:i], *pool[i + 1 : j], *pool[j + 1 :]]
            for a, sign, b in ((low, "+", high), (high, "-", low), (low, "*", high)):
                result = _apply(a, sign, b)
                if 1 <= result <= HIGHEST:
                    yield f"{a}{sign}{b}={result}", sorted([*rest, result])


def _search(pool: list[int], target: int) -> list[str] | None:
    """Lines that use the whole pool and end in the target, or None."""
    if len(pool) == 1:
        return [] if pool[0] == target else None
    for line, left in _moves(pool):
        rest = _search(left, target)
        if rest is not None:
            return [line, *rest]
    return None
