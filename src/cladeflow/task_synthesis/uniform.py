"""The default selector: every candidate is as likely as any other."""

from collections.abc import Mapping, Sequence
from random import Random

from cladeflow.records import Task
from cladeflow.task_synthesis.base import CellStats, Selector


class Uniform(Selector, name="uniform", version=1):
    """Draws n of N tasks without replacement: P(task is picked) = n / N."""

    def select(
        self, tasks: Sequence[Task], stats: Mapping[str, CellStats], *, n: int, seed: str
    ) -> list[Task]:
        return Random(f"uniform/{seed}").sample(tasks, min(n, len(tasks)))
