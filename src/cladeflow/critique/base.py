"""What a critic is."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from cladeflow.environments.judgement import write_judgement
from cladeflow.records import Critique, StepJudgement, Task, Trajectory
from cladeflow.strategy import Strategy

if TYPE_CHECKING:
    from cladeflow.rollout.episode import EpisodeContext


class Critic(Strategy, slot="critique"):
    """Says of an attempt whether it is right, and where it first goes wrong."""

    gives: ClassVar[frozenset[str]] = frozenset({"critique"})

    @abstractmethod
    async def critique(
        self, task: Task, trajectory: Trajectory, ctx: "EpisodeContext"
    ) -> Critique | None:
        """A critique of the trajectory, or None where there is nothing to say."""


def first_error_critique(trajectory: Trajectory, first_error: int, **fields: Any) -> Critique:
    """The critique that step ``first_error`` is the first wrong one (-1: none is), in words too."""
    wrong = first_error >= 0
    return Critique(
        target=(trajectory.id,),
        ok=not wrong,
        steps=(StepJudgement(i=first_error, ok=False),) if wrong else (),
        advice=write_judgement(first_error),
        **fields,
    )
