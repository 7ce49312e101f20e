"""Practise where success is changing."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Self

from pydantic import Field, model_validator

from cladeflow.records import Task
from cladeflow.task_synthesis.base import CellStats, Selector, cell


class LearningProgress(Selector, name="learning_progress", version=2):
    """Draws tasks without replacement at weights w ∝ (1 - ε) LP / Σ LP + ε / N.

    LP = |p_fast - p_slow| of the task's cell, two moving averages of its mean reward over the
    generations that attempted it, p <- p + α (r - p) with α ``fast`` or ``slow``, both from its
    first mean on. Progress down counts like progress up: what is being forgotten needs practice
    too. A cell seen less than twice is as interesting as the best known one. N is the number of
    candidates and ε ``even``, so that no cell is lost sight of. Source: OMNI (Zhang et al. 2023,
    arXiv:2306.01711), after Kanitscheider et al. 2021 (arXiv:2106.14876).
    """

    oversample = 4

    fast: float = Field(default=0.6, gt=0, le=1)
    slow: float = Field(default=0.2, gt=0, le=1)
    even: float = Field(default=0.1, ge=0, le=1)

    @model_validator(mode="after")
    def _fast_is_faster(self) -> Self:
        if self.fast <= self.slow:
            raise ValueError(f"fast = {self.fast} is not above slow = {self.slow}")
        return self

    def select(
        self, tasks: Sequence[Task], stats: Mapping[str, CellStats], *, n: int, seed: str
    ) -> list[Task]:
        weights = self._weights([cell(task) for task in tasks], stats)
        rng = Random(f"{self.name}/{seed}")
        # Efraimidis and Spirakis 2006: the n largest u^(1/w) are a weighted draw. So are the n
        # least -log(u) / w, exponential with rate w, and these do not round to 0 at small weights.
        order = [(not w, rng.expovariate(w or 1.0)) for w in weights]
        ranked = sorted(range(len(tasks)), key=order.__getitem__)
        return [tasks[i] for i in ranked[:n]]

    def progress(self, rewards: Sequence[float]) -> float | None:
        """LP of a cell from its mean rewards, oldest first; None for less than two."""
        if len(rewards) < 2:
            return None
        fast = slow = rewards[0]
        for reward in rewards[1:]:
            fast += self.fast * (reward - fast)
            slow += self.slow * (reward - slow)
        return abs(fast - slow)

    def _weights(self, cells: Sequence[str], stats: Mapping[str, CellStats]) -> list[float]:
        known = {at: self.progress(stats[at].history) if at in stats else None for at in cells}
        best = max((lp for lp in known.values() if lp is not None), default=0.0)
        each = [best if (lp := known[at]) is None else lp for at in cells]
        total = sum(each)
        if not total:
            return [1.0] * len(cells)
        return [(1 - self.even) * lp / total + self.even / len(cells) for lp in each]
