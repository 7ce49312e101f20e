"""What a rollout strategy is."""

from abc import abstractmethod
from typing import TYPE_CHECKING

from cladeflow.records import Task, Trajectory
from cladeflow.strategy import Strategy

if TYPE_CHECKING:
    from cladeflow.rollout.episode import EpisodeContext


class Rollout(Strategy, slot="rollout"):
    """A way to attempt a task: sampling, search, refinement, debate, play."""

    @abstractmethod
    async def episode(self, task: Task, ctx: "EpisodeContext") -> list[Trajectory]:
        """Every attempt at one task, in the order of (sample, attempt)."""
