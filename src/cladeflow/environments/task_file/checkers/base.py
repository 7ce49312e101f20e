"""What a checker of free text is."""

from abc import ABC, abstractmethod
from typing import ClassVar

from cladeflow.records import Value


class Key(Value):
    """What an attempt is compared with: the gold of one task."""

    answer: str
    """A number, a text, a pattern, or the letter of a choice."""
    tolerance: float = 0.0
    choices: tuple[str, ...] = ()
    """Texts of the choices A, B, …, in order."""


class Checker(ABC):
    """Reads the answer out of an attempt and compares it with the key."""

    asks_for: ClassVar[str]
    """What an instruction tells a model to put after ``Answer:``."""

    @abstractmethod
    def key(self, answer: str, tolerance: float, choices: tuple[str, ...]) -> Key:
        """The key of a task; raises ValueError, saying why, for an answer that cannot be one."""

    @abstractmethod
    def said(self, text: str, key: Key) -> str | None:
        """The answer that an attempt gives; None where there is none to be read."""

    @abstractmethod
    def accepts(self, said: str, key: Key) -> bool:
        """Whether an answer that `said` returned is right."""

    def shown(self, key: Key) -> str | None:
        """How a demonstration writes the right answer; None where the key does not say."""
        return key.answer
