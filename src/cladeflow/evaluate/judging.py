"""F1 scores of a critic's judgements, and their paired differences."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from cladeflow.evaluate.scores import delta_of
from cladeflow.evaluate.statistics import Floats, bootstrap_of_sums
from cladeflow.records import Delta

Judged = tuple[str, str | None]
"""Gold and judgement of one attempt: ``ok`` or ``err k``; None where it gave no judgement."""


class F1(ABC):
    """A score of sums over attempts."""

    golds: ClassVar[tuple[str, ...]]
    """Golds of the pseudo-attempts that widen its interval."""

    @abstractmethod
    def row(self, gold: str, said: str | None) -> list[float]:
        """What one judgement adds to each of C sums."""

    @abstractmethod
    def of(self, sums: Floats) -> Floats:
        """The score [...] of the sums [..., C]."""


class VerdictF1(F1):
    """2 TP / (2 TP + FP + FN), positive = "wrong"; 0 where none is found."""

    golds: ClassVar[tuple[str, ...]] = ("err 1",)

    def row(self, gold: str, said: str | None) -> list[float]:
        """True positives, and false positives and negatives together."""
        wrong, called = gold != "ok", said not in ("ok", None)
        return [wrong and called, wrong != called]

    def of(self, sums: Floats) -> Floats:
        return _ratio(2 * sums[..., 0], 2 * sums[..., 0] + sums[..., 1])


class FirstErrorF1(F1):
    """2 a b / (a + b), the shares of wrong and of right attempts that are judged exactly right."""

    golds: ClassVar[tuple[str, ...]] = ("err 1", "ok")

    def row(self, gold: str, said: str | None) -> list[float]:
        """Located and all wrong attempts, accepted and all right ones."""
        wrong, exact = gold != "ok", gold == said
        return [wrong and exact, wrong, not wrong and exact, not wrong]

    def of(self, sums: Floats) -> Floats:
        a, b = _ratio(sums[..., 0], sums[..., 1]), _ratio(sums[..., 2], sums[..., 3])
        return _ratio(2 * a * b, a + b)


MEASURES: dict[str, F1] = {"verdict_f1": VerdictF1(), "first_error_f1": FirstErrorF1()}


def f1(metric: str, said: Sequence[Judged]) -> float:
    """One of `MEASURES` over judgements; 0 without any."""
    measure = MEASURES[metric]
    rows = np.array([measure.row(*one) for one in said], dtype=np.float64)
    return float(measure.of(rows.sum(axis=0))) if len(rows) else 0.0


def f1_deltas(
    suite: str, said: Sequence[tuple[str, str | None, str | None]], confidence: float, key: str
) -> tuple[Delta, ...]:
    """Differences in every F1 score, from (gold, judgement, the baseline's judgement) per attempt.

    Intervals are a bootstrap over attempts, whose two judgements stay together. Pseudo-attempts
    that one of the two judges right and the other does not answer keep them from having no width.
    """
    return tuple(_delta(suite, metric, said, confidence, key) for metric in MEASURES if said)


def _delta(
    suite: str,
    metric: str,
    said: Sequence[tuple[str, str | None, str | None]],
    confidence: float,
    key: str,
) -> Delta:
    measure = MEASURES[metric]

    def rows(*judged: tuple[str, str | None, str | None]) -> Floats:
        found = [[*measure.row(gold, a), *measure.row(gold, b)] for gold, a, b in judged]
        return np.array(found, dtype=np.float64)

    def difference(sums: Floats) -> Floats:
        half = sums.shape[-1] // 2
        return measure.of(sums[..., :half]) - measure.of(sums[..., half:])

    opposed = [way for gold in measure.golds for way in ((gold, gold, None), (gold, None, gold))]
    found = bootstrap_of_sums(
        rows(*said),
        difference,
        pseudo=rows(*opposed),
        key=f"{key}/{suite}/{metric}/delta",
        confidence=confidence,
    )
    return delta_of(found, suite=suite, metric=metric, confidence=confidence)


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.where(below > 0, above / np.where(below > 0, below, 1), 0.0)
