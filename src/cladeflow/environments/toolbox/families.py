"""Problems that no agent can solve without its tools, since what they are about is in a table.

::

    buy 3 pear 2 fig        sum 3 from fig
    lookup pear             lookup fig
    7                       plum 4
    lookup fig              lookup plum
    4                       kiwi 2
    calc 3*7+2*4            lookup kiwi
    29                      lime 9
    answer 29               calc 4+2+9
                            15
                            answer 15
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from random import Random
from typing import ClassVar, NamedTuple

KEYS = (
    *("apple", "bean", "corn", "date", "fig", "grape", "kiwi", "leek"),
    *("lime", "mango", "nut", "olive", "pear", "plum", "rice", "yam"),
)
DISTRACTORS = 3
"""Entries of a table that its problem does not need."""

Table = dict[str, str]


class Solution(NamedTuple):
    """Keys to look up in order, what to calculate from them, and the result."""

    keys: list[str]
    expression: str
    answer: str


class Family(ABC):
    """Problems of one kind, each with a table that only its tools see."""

    name: ClassVar[str]
    levels: ClassVar[tuple[int, ...]]

    @abstractmethod
    def draw(self, level: int, rng: Random) -> tuple[str, Table]:
        """A problem line and its table."""

    @abstractmethod
    def solve(self, problem: str, table: Mapping[str, str]) -> Solution:
        """How it is solved."""

    @abstractmethod
    def canonical(self, problem: str, table: Mapping[str, str]) -> str:
        """The same text for problems with the same solution steps: what decides their split."""


class Price(Family):
    """``buy 3 pear 2 fig``: what do they cost together? The level is the number of goods."""

    name: ClassVar[str] = "price"
    levels: ClassVar[tuple[int, ...]] = (1, 2, 3, 4)

    def draw(self, level: int, rng: Random) -> tuple[str, Table]:
        stocked = rng.sample(KEYS, level + DISTRACTORS)
        wanted = " ".join(f"{rng.randint(2, 9)} {good}" for good in stocked[:level])
        return f"buy {wanted}", {good: str(rng.randint(2, 20)) for good in sorted(stocked)}

    def solve(self, problem: str, table: Mapping[str, str]) -> Solution:
        wanted = _wanted(problem)
        total = sum(int(amount) * int(table[good]) for amount, good in wanted)
        expression = "+".join(f"{amount}*{table[good]}" for amount, good in wanted)
        return Solution([good for _, good in wanted], expression, str(total))

    def canonical(self, problem: str, table: Mapping[str, str]) -> str:
        facts = sorted(f"{amount} {good} {table[good]}" for amount, good in _wanted(problem))
        return "buy " + ", ".join(facts)


class ChainLookup(Family):
    """``sum 3 from fig``: each entry names the next key and a number; add 3 of the numbers.

    The level is how many entries there are to follow.
    """

    name: ClassVar[str] = "chain_lookup"
    levels: ClassVar[tuple[int, ...]] = (2, 3, 4, 5)

    def draw(self, level: int, rng: Random) -> tuple[str, Table]:
        ring = rng.sample(KEYS, level + DISTRACTORS)
        following = [*ring[1:], ring[0]]
        numbers = [rng.randint(1, 9) for _ in ring]
        entries = zip(ring, following, numbers, strict=True)
        table = {key: f"{after} {number}" for key, after, number in sorted(entries)}
        return f"sum {level} from {ring[0]}", table

    def solve(self, problem: str, table: Mapping[str, str]) -> Solution:
        _, count, _, key = problem.split()
        keys, numbers = [], []
        for _ in range(int(count)):
            keys.append(key)
            key, number = table[key].split()
            numbers.append(number)
        return Solution(keys, "+".join(numbers), str(sum(map(int, numbers))))

    def canonical(self, problem: str, table: Mapping[str, str]) -> str:
        solution = self.solve(problem, table)
        return f"sum {solution.expression} from {' '.join(solution.keys)}"


def _wanted(problem: str) -> list[tuple[str, str]]:
    words = problem.split()[1:]
    return list(zip(words[::2], words[1::2], strict=True))
