"""Keep what is neither too easy nor too hard for the agent of today."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Literal, Self

from pydantic import Field, model_validator

from cladeflow.records import Task
from cladeflow.task_synthesis.base import CellStats, Selector, cell


class DifficultyBand(Selector, name="difficulty_band", version=2):
    """Picks tasks with lo <= p <= hi, p = mean reward of the task's cell when last attempted.

    A binary reward has variance p (1 - p): outside the band there is little to learn from. Cells
    that no generation attempted are kept, those with p < lo never. A share ``rehearse`` of the n
    tasks comes from cells with p > hi, lest easy levels be forgotten; if it is not 0, then where
    one side has too few tasks the other makes up for it. Source: online difficulty filtering for
    reasoning RL (Bae et al., arXiv:2504.03380), here by cell and with rehearsal.
    """

    oversample = 4

    lo: float = Field(default=0.1, ge=0, le=1)
    hi: float = Field(default=0.9, ge=0, le=1)
    rehearse: float = Field(default=0.0, ge=0, le=1)
    order: Literal["random", "easy_first"] = "random"

    @model_validator(mode="after")
    def _is_a_band(self) -> Self:
        if self.lo > self.hi:
            raise ValueError(f"lo = {self.lo} is above hi = {self.hi}")
        return self

    def select(
        self, tasks: Sequence[Task], stats: Mapping[str, CellStats], *, n: int, seed: str
    ) -> list[Task]:
        rng = Random(f"difficulty_band/{seed}")
        shuffled = rng.sample(tasks, len(tasks))
        rates = {key: found.history[-1] for key, found in stats.items() if found.history}
        easy = [t for t in shuffled if rates.get(cell(t), self.hi) > self.hi]
        band = [t for t in shuffled if self.lo <= rates.get(cell(t), self.lo) <= self.hi]
        wanted = max(round(self.rehearse * n), n - len(band)) if self.rehearse else 0
        rehearsed = min(wanted, len(easy))
        picked = [*easy[:rehearsed], *band[: n - rehearsed]]
        rng.shuffle(picked)
        if self.order == "easy_first":
            picked.sort(key=lambda t: (-rates.get(cell(t), self.lo), t.level))
        return picked
