"""What a recipe is once it is read (docs/recipes-grammar.md): entries, updates, rounds, scale."""

from typing import Any, Literal

from pydantic import Field

from cladeflow.errors import RecipeError
from cladeflow.records import Value, digest
from cladeflow.strategy import Strategy, find

Init = Literal["parent", "current", "initial"]
Dtype = Literal["float32", "bfloat16"]


UNHASHED = {
    "critique/env_feedback": 2,
    "critique/llm_critique": 3,
    "environment/reasoning": 2,
    "evaluate/benchmark_suite": 2,
    "evaluate/critique_eval": 2,
    "evaluate/exploration_monitor": 2,
    "evaluate/transfer_retention": 2,
    "promote/threshold_gate": 2,
}
"""Versions that strategies had when versions joined the hash of a composition; all others had 1.

They add nothing to it, so that the compositions hashed before, and the results that name them, keep
their hash. No line is ever changed or added here.
"""


class Entry(Value):
    """A strategy by name with its options, in the slot it was found for."""

    slot: str
    name: str
    options: dict[str, Any] = {}

    def build(self) -> Strategy:
        """The strategy; raises `RecipeError` where its name is known but not built yet."""
        kind = find(self.slot, self.name)
        if kind is None:
            raise RecipeError(
                f"{self.slot} {self.name!r} is in the catalogue but not built in this version; "
                "'cladeflow recipes list --built' names the recipes that run"
            )
        return kind.from_options(self.options)


class Update(Value):
    """One update of one role: a builder feeding an objective, or a whole update of its own."""

    build: Entry | None = None
    objective: Entry | None = None
    update: Entry | None = None
    role: str = "actor"
    init: Init = "current"


class Round(Value):
    """One pass over the five slots of a generation's middle."""

    name: str = "main"
    repeat: int = Field(default=1, ge=1)
    inputs: str = "last"
    """Whose trajectories the updates see: last, all, or the name of an earlier round."""
    task_synthesis: tuple[Entry, ...] = ()
    rollout: tuple[Entry, ...] = ()
    critique: tuple[Entry, ...] = ()
    verification: tuple[Entry, ...] = ()
    fine_tune: tuple[Update, ...] = ()


class Paper(Value):
    """The publication a recipe follows."""

    title: str
    arxiv: str | None = None


class Recipe(Value):
    """A method composed from strategies, every slot spelled out."""

    name: str
    paper: Paper | None = None
    summary: str = ""
    variant: str | None = None
    environments: tuple[Entry, ...]
    roles: dict[str, str] = {"actor": "current"}
    rounds: tuple[Round, ...]
    evaluate: tuple[Entry, ...]
    promote: tuple[Entry, ...]
    selection: Entry
    memory: tuple[Entry, ...] = ()
    control: Entry

    @property
    def samples_first(self) -> bool:
        """Whether a generation begins with attempts of the agent that it starts from.

        Others learn from given traces before, which teach the format, or do nothing but evaluate.
        """
        return any(part.rollout for part in self.rounds[:1])

    def entries(self) -> list[tuple[str, Entry]]:
        """Every entry with the place it stands in."""
        found = [(f"environments.{e.name}", e) for e in self.environments]
        for part in self.rounds:
            for slot in ("task_synthesis", "rollout", "critique", "verification"):
                found += [(f"rounds.{part.name}.{slot}", e) for e in getattr(part, slot)]
            for index, update in enumerate(part.fine_tune):
                steps = (update.build, update.objective, update.update)
                found += [(f"rounds.{part.name}.fine_tune[{index}]", e) for e in steps if e]
        for slot in ("evaluate", "promote", "memory"):
            found += [(slot, e) for e in getattr(self, slot)]
        return [*found, ("selection", self.selection), ("control", self.control)]


class Lora(Value):
    """Low-rank adapters, merged into the weights when training ends."""

    rank: int = Field(default=16, gt=0)
    alpha: int = Field(default=32, gt=0)
    """Adapters are scaled by alpha / rank."""
    targets: tuple[str, ...] | None = None
    """Ends of the names of the linear layers that get one; all but the output layer if unset."""


class Training(Value):
    """Constants of optimisation that follow the model's size, not the method."""

    learning_rate: float = Field(gt=0)
    token_batch: int = Field(gt=0)
    """Unpadded tokens per optimiser step."""
    micro_tokens: int = Field(default=16384, gt=0)
    epochs: float = Field(default=1.0, gt=0)
    warmup_ratio: float = Field(default=0.05, ge=0, le=1)
    weight_decay: float = Field(default=0.0, ge=0)
    clip: float = Field(default=1.0, gt=0)
    checkpoint_every: int = Field(default=200, gt=0)
    """Optimiser steps between checkpoints that a killed run resumes from."""
    lora: Lora | None = None
    """Train adapters instead of all weights."""


class Scale(Value):
    """What depends on the size of the model and of the machine; one YAML file per scale."""

    name: str
    parameters: int
    """Largest number of parameters this scale is meant for."""
    tasks: int = Field(gt=0)
    """Tasks per round, all its passes together."""
    samples: int = Field(gt=0)
    """Trajectories per task where the recipe does not say."""
    max_tokens: int = Field(gt=0)
    """Tokens a model may write in one turn."""
    shard: int = Field(gt=0)
    """Tasks per shard, the unit of resumption."""
    engine: Literal["transformers"] = "transformers"
    dtype: Dtype = "float32"
    training: Training
    objectives: dict[str, dict[str, Any]] = {}
    """What an objective changes of ``training``, by its name."""

    def training_for(self, objective: str) -> Training:
        """The constants that an objective is optimised with; raises pydantic's ValidationError."""
        changes = self.objectives.get(objective, {})
        return Training.model_validate({**self.training.model_dump(), **changes})


class Resolved(Value):
    """A recipe with every default, at a scale: all that a plan commits of what to do."""

    recipe: Recipe
    scale: Scale

    @property
    def hash(self) -> str:
        """Identity of the composition: what an agent and a report name as their recipe.

        Where an environment's files lie is no part of it, only what they hold. A strategy whose
        version went up since is another one (`UNHASHED`).
        """
        content = self.model_dump(mode="json")
        for entry in content["recipe"]["environments"]:
            kind = find("environment", entry["name"])
            for address in getattr(kind, "addresses", ()):
                del entry["options"][address]
        versions = self._versions()
        return digest(content | ({"versions": versions} if versions else {}))

    def _versions(self) -> dict[str, int]:
        """Of the strategies whose version is not the one that goes without saying."""
        found: dict[str, int] = {}
        for _, entry in self.recipe.entries():
            name, kind = f"{entry.slot}/{entry.name}", find(entry.slot, entry.name)
            if kind is not None and kind.version != UNHASHED.get(name, 1):
                found[name] = kind.version
        return found

    def build(self) -> list[tuple[str, Strategy]]:
        """Every strategy with its place; raises `RecipeError` for what is not built."""
        return [(place, entry.build()) for place, entry in self.recipe.entries()]
