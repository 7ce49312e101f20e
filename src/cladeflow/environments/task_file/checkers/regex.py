"""An answer that a pattern describes."""

import re
from typing import ClassVar

from cladeflow.environments.task_file.answers import final
from cladeflow.environments.task_file.checkers.base import Checker, Key


class Regex(Checker):
    """The pattern is found in the answer: Python's ``re.search``, case counts.

    The answer is what follows the last marker (`answers.marked`), else the last line; ``^`` and
    ``$`` stand for its ends. A pattern that takes for ever is killed and counts as a timeout.
    """

    asks_for: ClassVar[str] = "the answer alone"

    def key(self, answer: str, tolerance: float, choices: tuple[str, ...]) -> Key:
        try:
            re.compile(answer)
        except re.error as error:
            raise ValueError(f"its answer {answer!r} is no regular expression: {error}") from error
        return Key(answer=answer)

    def said(self, text: str, key: Key) -> str | None:
        return final(text)

    def accepts(self, said: str, key: Key) -> bool:
        return re.search(key.answer, said) is not None

    def shown(self, key: Key) -> str | None:
        return None
