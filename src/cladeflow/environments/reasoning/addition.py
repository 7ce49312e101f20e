"""Addition of two numbers, column by column from the right, carries shown."""

import re
from collections.abc import Sequence
from random import Random
from typing import ClassVar

from cladeflow.environments.reasoning.family import Family


class Addition(Family):
    """``add 58+67``; the level is the number of digits of both numbers.

    A line adds one column, with the carry as third addend: ``8+7=15``, then ``5+6+1=12``.
    """

    name: ClassVar[str] = "addition"
    levels: ClassVar[tuple[int, ...]] = tuple(range(1, 13))
    form: ClassVar[re.Pattern[str]] = re.compile(r"add (\d+)\+(\d+)")

    def draw(self, level: int, rng: Random) -> str:
        low, high = 10 ** (level - 1), 10**level - 1
        return f"add {rng.randint(low, high)}+{rng.randint(low, high)}"

    def level(self, problem: str) -> int:
        return max(map(len, self.parse(problem)))

    def solve(self, problem: str, done: Sequence[str] = ()) -> list[str]:
        sums = [line.rpartition("=")[2] for line in done]
        carry = len(sums[-1]) > 1 if sums else False
        lines = []
        for a, b in _columns(*self.parse(problem))[len(done) :]:
            total = str(int(a) + int(b) + carry)
            lines.append(f"{a}+{b}+1={total}" if carry else f"{a}+{b}={total}")
            sums.append(total)
            carry = len(total) > 1
        return [*lines, "=" + sums[-1] + "".join(s[-1] for s in sums[-2::-1])]

    def answer(self, problem: str) -> str:
        return str(sum(map(int, self.parse(problem))))

    def canonical(self, problem: str) -> str:
        return "add " + "+".join(sorted(self.parse(problem)))


def _columns(a: str, b: str) -> list[tuple[str, str]]:
    width = max(len(a), len(b))
    return list(zip(reversed(a.zfill(width)), reversed(b.zfill(width)), strict=True))
