"""The answer word for word."""

from typing import ClassVar

from cladeflow.environments.task_file.answers import final, normal
from cladeflow.environments.task_file.checkers.base import Checker, Key


class Exact(Checker):
    """Equal texts, but for case, white space, quotes, emphasis and a final full stop.

    The answer is what follows the last marker (`answers.marked`), else the last line.
    """

    asks_for: ClassVar[str] = "the answer alone"

    def key(self, answer: str, tolerance: float, choices: tuple[str, ...]) -> Key:
        if not normal(answer):
            raise ValueError("its answer is empty")
        return Key(answer=answer)

    def said(self, text: str, key: Key) -> str | None:
        return normal(final(text) or "") or None

    def accepts(self, said: str, key: Key) -> bool:
        return said == normal(key.answer)
