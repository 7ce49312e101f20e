"""One of several choices, by letter or in full."""

import re
from string import ascii_uppercase
from typing import ClassVar

from cladeflow.environments.task_file.answers import final, normal
from cladeflow.environments.task_file.checkers.base import Checker, Key

MOST = len(ascii_uppercase)
_LETTER_FIRST = re.compile(r"[\s(\[*_\"']*([A-Z])(?:[)\].:,*_\"']|\s*$)")
_LETTER_NAMED = re.compile(r"(?:\b(?:option|choice|answer)\s+\(?([A-Z])\b|\(([A-Z])\))")


class Choice(Checker):
    """The letter of the right choice, or its text.

    The answer is what follows the last marker (`answers.marked`), else the last line. Its letter
    is, in this order: the one that it begins with, as in ``B``, ``(B)`` or ``B. Paris``; that of
    the choice whose text it is, as `Exact` compares; the only one that it names, as in
    ``option B`` or ``(B)``. Letters are capitals; one that no choice has is no answer.
    """

    asks_for: ClassVar[str] = "the letter of the right choice alone"

    def key(self, answer: str, tolerance: float, choices: tuple[str, ...]) -> Key:
        if not 2 <= len(choices) <= MOST:
            raise ValueError(f"the choice checker needs 2 to {MOST} choices, not {len(choices)}")
        letters = ascii_uppercase[: len(choices)]
        if answer in choices:
            return Key(answer=letters[choices.index(answer)], choices=choices)
        if len(answer) != 1 or answer.upper() not in letters:
            raise ValueError(f"its answer {answer!r} is none of its choices, nor a letter of one")
        return Key(answer=answer.upper(), choices=choices)

    def said(self, text: str, key: Key) -> str | None:
        answer = final(text) or ""
        letters = ascii_uppercase[: len(key.choices)]
        if (match := _LETTER_FIRST.match(answer)) and match[1] in letters:
            return match[1]
        texts = [normal(choice) for choice in key.choices]
        if (whole := normal(answer)) in texts:
            return letters[texts.index(whole)]
        named = {"".join(match.groups("")) for match in _LETTER_NAMED.finditer(answer)}
        return named.pop() if len(named) == 1 and named <= set(letters) else None

    def accepts(self, said: str, key: Key) -> bool:
        return said == key.answer
