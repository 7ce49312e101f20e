"""Events: the append-only authority that everything else in the archive is folded from."""

from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from cladeflow.errors import HomeError
from cladeflow.records import Agent, Value

EventKind = Literal[
    "added",
    "evaluated",
    "promoted",
    "rejected",
    "rolled_back",
    "quarantined",
    "approved",
    "promoted_external",
    "tested",
    "pinned",
    "unpinned",
    "collected",
    "redone",
]

CHAMPION_CHANGES: frozenset[EventKind] = frozenset({"promoted", "promoted_external", "rolled_back"})
"""Kinds after which their agent is the champion."""
ADDED = "added/"
"""What the key of an ``added`` event starts with; the id of its agent is the rest of it."""


def now() -> str:
    """UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class ChampionMoved(HomeError):
    """A promotion or rollback that was decided against an agent that is no longer champion."""


class Event(Value):
    """Something that happened to an agent, to be recorded exactly once under its ``key``."""

    key: str
    """Names the happening (like ``evaluated/<agent id>``): recording it again changes nothing."""
    kind: EventKind
    agent_id: str
    incumbent_id: str | None = None
    """Where the champion changes: the champion that the decision was made against."""
    payload: dict[str, Any] = {}
    """``evaluated``: ok and fail (counts of trials) besides whatever a reader may want."""
    who: str = "cladeflow"
    why: str = ""
    created: str = Field(default_factory=now)
    """When it happened."""
    agent: Agent | None = None
    """``added`` brings the agent itself."""

    @classmethod
    def added(cls, agent: Agent, child: int = 0, **fields: Any) -> Self:
        """The event that brings ``agent``, the ``child``-th of its generation, into the archive."""
        return cls(
            **fields,
            key=ADDED + agent.id,
            kind="added",
            agent_id=agent.id,
            agent=agent,
            payload={"child": child},
        )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.kind in CHAMPION_CHANGES) != (self.incumbent_id is not None):
            raise ValueError(f"{self.kind}: incumbent_id goes with a change of champion, and must")
        if (self.kind == "added") != (self.agent is not None):
            raise ValueError(f"{self.kind}: the agent goes with its 'added' event, and must")
        brought = self.key.removeprefix(ADDED) if self.key.startswith(ADDED) else None
        if brought != (self.agent_id if self.kind == "added" else None):
            raise ValueError(
                f"{self.key!r}: {ADDED}<id> is the key that an agent is added under, alone"
            )
        return self


class Recorded(NamedTuple):
    """An event as the archive holds it. For a change of champion: incumbent → agent."""

    id: int
    key: str
    kind: EventKind
    agent_id: str
    incumbent_id: str | None
    payload: dict[str, Any]
    who: str
    why: str
    created: str
    """UTC, ISO 8601."""
