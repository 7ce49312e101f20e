"""What a verification strategy is: verdicts on the attempts at a set of prompts."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from cladeflow.records import Critique, Target, Task, Trajectory, Verdict, Verifier
from cladeflow.sandbox.client import CheckerClient
from cladeflow.sandbox.wire import Item
from cladeflow.strategy import Strategy


class Group(NamedTuple):
    """All attempts at one prompt, with what critics said of them by trajectory id."""

    task: Task
    trajectories: Sequence[Trajectory]
    critiques: Mapping[str, Sequence[Critique]] = {}
    earlier: Sequence[Trajectory] = ()
    """Attempts of earlier passes, which have their verdicts already."""


@dataclass(frozen=True)
class VerifyContext:
    """What a verification strategy may use."""

    checker: CheckerClient
    gen: int
    seed: str
    """Keys every random choice: root seed, generation, child, round."""

    async def check(self, items: Sequence[Item]) -> Iterator[Verdict]:
        """The environments' own verdicts, in order, as they come from the checker process."""
        return self.checker.verdicts(items)


class Verification(Strategy, slot="verification"):
    """Judges trajectories. One verdict per trajectory, in the order of the groups."""

    gives: ClassVar[frozenset[str]] = frozenset({"verdict"})
    whole_round: ClassVar[bool] = False
    """Whether it must see all groups of a round at once."""

    @abstractmethod
    async def verify(self, groups: Sequence[Group], ctx: VerifyContext) -> list[Verdict]:
        """Verdicts on every trajectory of ``groups``."""

    def verdict(self, trajectory: Trajectory, ctx: VerifyContext, **judgement: Any) -> Verdict:
        """A verdict of this strategy on a whole trajectory."""
        by = Verifier(strategy=self.name)
        return Verdict(gen=ctx.gen, target=Target(id=trajectory.id), by=by, **judgement)


def attempts(groups: Sequence[Group]) -> Iterator[tuple[Task, Trajectory]]:
    """Every trajectory with its task, group by group."""
    for group in groups:
        for trajectory in group.trajectories:
            yield group.task, trajectory
