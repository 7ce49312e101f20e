"""Agents: weights per role, a scaffold and a memory snapshot."""

from functools import cached_property
from typing import Any, Literal

from cladeflow.records.base import Record, Value, digest

AgentStatus = Literal[
    "candidate", "valid", "rejected", "promoted", "rolled_back", "quarantined", "collected"
]
"""``collected``: its weights were deleted; its records and reports are kept."""


class Scaffold(Value):
    """How an agent answers: prompt templates, tools, code, and its inference strategy."""

    prompts: dict[str, str] = {}
    tools: tuple[str, ...] = ()
    code: str | None = None
    inference: dict[str, Any] = {"sample": {}}
    """A rollout strategy with its options, in recipe grammar."""


class Agent(Record):
    """What is evaluated, archived and promoted."""

    weights: dict[str, str]
    """Model Ref (``URI#sha256``) by role."""
    scaffold: Scaffold = Scaffold()
    memory: str | None = None
    """Ref of a snapshot of what it remembers."""
    parents: tuple[str, ...] = ()
    recipe: str = ""
    """Hash of the resolved recipe that made it."""
    data: str | None = None
    """Digest of the training examples it learned from."""
    control: dict[str, Any] = {}

    @cached_property
    def id(self) -> str:
        """sha256 over the content, models and memory by digest: where they lie changes nothing."""
        return digest({"type": "Agent", **self.canonical(), **self._parts()})

    def _parts(self) -> dict[str, Any]:
        """Weights and memory, where there is one, without where they lie."""
        weights = {role: ref.rpartition("#")[2] for role, ref in self.weights.items()}
        memory = {"memory": self.memory.rpartition("#")[2]} if self.memory else {}
        return {"weights": weights, **memory}

    @cached_property
    def behaviour(self) -> str:
        """Digest of weights, scaffold and memory: equal agents share their evaluations."""
        return digest(
            {
                "memory": None,
                "scaffold": self.scaffold.model_dump(mode="json"),
                **self._parts(),
            }
        )


class AgentPatch(Value):
    """What one update changes of an agent."""

    weights: dict[str, str] = {}
    scaffold: Scaffold | None = None
    memory: str | None = None
