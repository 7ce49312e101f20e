"""What is projected: an evolution as the archive and the store hold it."""

from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import AllowInfNan

from cladeflow.records import AgentStatus, Value

Measured = Annotated[float, AllowInfNan()]
"""A metric, which is no finite number where training went astray."""


class Moved(NamedTuple):
    """An alias ``champion`` that a person moved, as a projection found it."""

    to: str
    """Agent id."""
    at_event: int
    """The newest event of the archive when the projection began."""


class StageView(Value):
    """A finished stage call: a run below its generation's run."""

    key: str
    """Path of its commit, input hash included: the same work is the same run."""
    name: str
    metrics: dict[str, Measured] = {}
    params: dict[str, str] = {}
    """At most 100."""
    started: float
    """Seconds since the epoch."""
    seconds: float


class GenerationView(Value):
    """A finished generation: a run. Its times are those of its stages."""

    number: int
    metrics: dict[str, Measured] = {}
    params: dict[str, str] = {}
    """At most 100."""
    stages: tuple[StageView, ...]


class AgentView(Value):
    """An agent: one registered version per role. The initial one has generation 0."""

    id: str
    behaviour: str
    generation: int
    child: int = 0
    status: AgentStatus
    models: dict[str, Path | None]
    """Local directory of the model by role, with ``actor`` among the roles; None where its weights
    were collected."""
    decision: str = ""
    """What the gate made of it, in a line."""


class EvolutionView(Value):
    """Everything that MLflow is to show of one evolution, complete at every sync."""

    uid: str
    id: str
    recipe: str
    recipe_hash: str
    scale: str
    seed: int
    created: float
    """Seconds since the epoch."""
    agents: tuple[AgentView, ...]
    """Oldest first, the initial agent included."""
    generations: tuple[GenerationView, ...]
    champion: str
    """Agent id."""
    previous: str | None = None
    """The champion that a rollback would restore."""

    @property
    def name(self) -> str:
        """Name of the experiment, and how the names of its registered models begin."""
        return evolution_name(self.recipe, self.uid)


def evolution_name(recipe: str, uid: str) -> str:
    """A name that says which recipe it is, and is not shared with any other evolution."""
    return f"cladeflow-{recipe}-{uid[:8]}"


def model_name(evolution: str, role: str) -> str:
    """The registered model that holds the versions of one role."""
    return f"{evolution}-{role}"
