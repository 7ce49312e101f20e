"""The plan: everything mutable that a generation depends on, read once and committed."""

from typing import Any, Self

from pydantic import Field, model_validator

from cladeflow.errors import CladeflowError
from cladeflow.recipes.model import Resolved
from cladeflow.records import Agent, ReportRow, Value


class CellStats(Value):
    """How often tasks of one (environment, family, level) were solved: n checks, their mean.

    Both are the last generation's; n is 0 where it attempted none.
    """

    n: int
    mean: float
    history: tuple[float, ...] = ()
    """The means of every generation that attempted some, oldest first."""


class Population(Value):
    """How many parents a generation draws, and how many children descend from them in turn."""

    parents: int = Field(default=1, ge=1)
    children: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _all_have_children(self) -> Self:
        if self.parents > self.children:
            raise CladeflowError(
                f"{self.parents} parents cannot share {self.children} children: every parent that "
                "is drawn has at least one; ask for more --children or fewer --parents"
            )
        return self


class Standing(Value):
    """What the incumbent is held to when it is evaluated again."""

    promised: ReportRow
    """The score, with its interval, that an agent of the champion's line was promoted with."""
    restored: Agent
    """Who takes over where the incumbent has fallen below it."""


class Plan(Value):
    """What the stages of one generation may know of the world outside their inputs."""

    evolution: str
    generation: int
    seed: int
    """Root seed of the evolution; every random generator is keyed by it."""
    resolved: Resolved
    population: Population = Population()
    parents: tuple[Agent, ...]
    """One per child."""
    incumbent: Agent
    initial: Agent
    previous: Agent
    """The champion before the incumbent, or the initial agent."""
    external: dict[str, str] = Field(default={}, exclude_if=lambda refs: not refs)
    """Model Ref by role, of the roles that the recipe binds to models outside of the evolution."""
    opponents: tuple[Agent, ...] = ()
    control: dict[str, Any] = {}
    memory: str | None = None
    stats: dict[str, CellStats] = {}
    """Task statistics by ``env/family/level``."""
    incumbent_exploration: dict[str, float] = {}
    """What was measured of the incumbent when it was a child; empty for an initial agent."""
    event_id: int
    """The newest archive event that the plan has seen."""
    reserve_used: int = 0
    """Blocks of the reserve before the one that this generation's winner is tested on."""
    standing: Standing | None = None
    """In the generations that evaluate their incumbent again."""
    tried: int
    """Children tried since the last promotion, before this generation."""
    redone: int = Field(default=0, exclude_if=lambda count: count == 0)
    """How often people had agents evaluated again, before this generation."""
    earlier_children: int | None = Field(default=None, exclude_if=lambda count: count is None)
    """Children of all earlier generations; left out where each might have had as many as this."""

    @property
    def children_before(self) -> int:
        """Children of all earlier generations."""
        if self.earlier_children is None:
            return (self.generation - 1) * len(self.parents)
        return self.earlier_children
