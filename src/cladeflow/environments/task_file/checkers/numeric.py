"""The number that an attempt ends with."""

import re
from typing import ClassVar

from cladeflow.environments.task_file.answers import marked
from cladeflow.environments.task_file.checkers.base import Checker, Key
from cladeflow.environments.task_file.numbers import Number, numbers, plain

_LEFT_SIDE = re.compile(r"[-+*/x×·÷^()\s0-9.,$€£¥₹%]*[=≈]")
"""From the number where an equation begins to its sign."""


class Numeric(Checker):
    r"""Equal numbers, however they are written.

    1. Where: after the last marker of an answer (`answers.marked`) that a number follows, the first
       number; of an equation such as ``48 + 24 = 72``, what stands on its right. Where no marker is
       followed by a number, the last number of the text (the "flexible" extraction of the language
       model evaluation harness for GSM8K). So a question that is restated first does not matter.
    2. What: digits with or without commas between thousands (``1,234``), decimals (``.5``, ``5.``),
       exponents (``1.5e3``), a minus directly before the number or its currency sign, fractions and
       mixed numbers (``3/4``, ``1 1/2``, ``½``, ``\frac{3}{4}``). Currency signs, units, emphasis
       and punctuation around it are passed over; digits inside a word (``H2O``) are no number, nor
       are more than 60 characters.
    3. Percent: ``50%`` stands for 50 and for 0.5; equal is what has a reading in common.
    4. Equal: |said - key| ≤ tolerance, in exact rational arithmetic; 72, 72.0 and 144/2 are equal.
    """

    asks_for: ClassVar[str] = "the number alone"

    def key(self, answer: str, tolerance: float, choices: tuple[str, ...]) -> Key:
        found = list(numbers(plain(answer)))
        if len(found) != 1:
            raise ValueError(f"{answer!r} is not one number, which the numeric checker compares")
        return Key(answer=answer, tolerance=tolerance)

    def said(self, text: str, key: Key) -> str | None:
        return stated(text)

    def accepts(self, said: str, key: Key) -> bool:
        mine, right = next(numbers(plain(said))), next(numbers(plain(key.answer)))
        return any(abs(a - b) <= key.tolerance for a in mine.readings for b in right.readings)


def stated(text: str) -> str | None:
    """The number that a text gives as its answer, canonical; None where it holds none."""
    text = plain(text)
    for part in reversed(marked(text)):
        if (found := _first(part)) is not None:
            return str(found)
    every = list(numbers(text))
    return str(every[-1]) if every else None


def _first(text: str) -> Number | None:
    """The first number, or where an equation begins there, the first on its right."""
    while found := next(numbers(text), None):
        equation = _LEFT_SIDE.match(text, found.start)
        if equation is None:
            return found
        text = text[equation.end() :]
    return None
