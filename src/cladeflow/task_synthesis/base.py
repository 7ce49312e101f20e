"""What a generator and a selector of tasks are."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from cladeflow.earlier import NOTHING, Earlier
from cladeflow.environments.base import Environment, Posed
from cladeflow.plan.model import CellStats
from cladeflow.records import Task, Trajectory
from cladeflow.strategy import Strategy

__all__ = ["CellStats", "Generator", "Selector", "cell"]


def cell(task: Task) -> str:
    """Where statistics of a task are kept: ``env/family/level``."""
    return f"{task.env}/{task.family}/{task.level}"


class Generator(Strategy, slot="generator"):
    """Poses tasks of the train split."""

    @abstractmethod
    def generate(
        self,
        env: Environment,
        *,
        n: int,
        gen: int,
        draw: int,
        seed: int,
        earlier: Earlier = NOTHING,
    ) -> Sequence[Posed]:
        """At most ``n`` tasks with their golds, for generation ``gen``.

        ``draw`` counts the calls of an evolution with this ``env`` (0, 1, … over its rounds and
        generations), so that a pool can be walked without repetition; ``seed`` is the root seed;
        ``earlier`` is what the passes gathered that this one may start from.
        """

    def given(self, env: Environment, task: Task, gen: int) -> Trajectory | None:
        """The trajectory that comes with a task it posed, where it `gives` trajectories."""
        return None


class Selector(Strategy, slot="selector"):
    """Picks tasks to attempt among the candidates that generators posed."""

    oversample: ClassVar[int] = 1
    """Candidates it wants per task that it picks."""

    @abstractmethod
    def select(
        self, tasks: Sequence[Task], stats: Mapping[str, CellStats], *, n: int, seed: str
    ) -> list[Task]:
        """At most ``n`` of ``tasks``, each at most once.

        ``stats`` holds earlier generations' mean rewards by `cell`; ``seed`` keys the choice.
        """
