"""What readers of the archive get to see: the evolution, its agents, and their counters."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from cladeflow.errors import HomeError
from cladeflow.records import Agent, AgentStatus, Value

UNFIT: frozenset[AgentStatus] = frozenset({"quarantined", "collected"})
"""Statuses of agents that are never put in charge."""
NO_PARENTS: frozenset[AgentStatus] = UNFIT | {"candidate"}
"""Statuses of agents that no child descends from."""


class Evolution(Value):
    """What a home is the home of; fixed by the first command that runs in it."""

    id: str
    """Digest of what determines the evolution: equal in every home that runs the same one."""
    uid: str
    """Random, so that equal evolutions of different homes can share a tracking server."""
    recipe: str
    recipe_hash: str
    resolved: dict[str, Any]
    """The recipe with every default, at its scale."""
    scale: str
    seed: int
    initial: str
    """Id of the agent that it started from."""
    created: str

    def difference(self, other: "Evolution") -> str:
        """The first setting that another evolution has different, with both values."""
        here, there = (dict(_leaves(e.model_dump())) for e in (self, other))
        for name in ("recipe", "scale", "seed"):
            if here[name] != there[name]:
                return f"its {name} is {here[name]}, not {there[name]}"
        resolved = sorted(name for name in here | there if name.startswith("resolved."))
        for name in resolved:
            if here.get(name) != there.get(name):
                setting = name.removeprefix("resolved.")
                return f"its {setting} is {here.get(name)}, not {there.get(name)}"
        return "it started from another model"


def _leaves(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Every scalar of nested JSON with its dotted path."""
    if not isinstance(value, dict | list):
        yield at, value
        return
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield from _leaves(inner, f"{at}.{key}" if at else str(key))


class Tally(NamedTuple):
    """An agent's own trials, its number of children, and the trials of its clade.

    A clade is an agent and all its descendants, each counted once.
    """

    ok: int = 0
    fail: int = 0
    children: int = 0
    clade_ok: int = 0
    clade_fail: int = 0


class Member(NamedTuple):
    """An agent in the archive. ``child`` is its index among the children of its generation."""

    agent: Agent
    child: int
    status: AgentStatus
    tally: Tally
    created: str

    def usable(self) -> Agent:
        """The agent, to be put to work; raises `HomeError` where its weights were collected."""
        if self.status == "collected":
            raise HomeError(
                f"the weights of agent {self.agent.id[:12]} were deleted by 'cladeflow gc'; its "
                "records and reports are kept. 'cladeflow pin AGENT' keeps an agent whole"
            )
        return self.agent
