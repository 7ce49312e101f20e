"""The write side of the archive: what one transaction does with a batch of events."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select

from cladeflow.archive import schema
from cladeflow.archive.events import CHAMPION_CHANGES, ChampionMoved, Event
from cladeflow.archive.fold import births, changes, fold, founding_status
from cladeflow.errors import HomeError
from cladeflow.records import Agent

_VARIABLES = 10_000
"""Values per IN list, well below what any database takes."""


def _parts(values: Iterable[str]) -> Iterator[list[str]]:
    every = list(values)
    yield from (every[at : at + _VARIABLES] for at in range(0, len(every), _VARIABLES))


def now() -> str:
    """UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def record(db: Connection, events: Sequence[Event]) -> None:
    """Append the events that are not there yet, with the agents they bring, and fold them in."""
    fresh = list(_unrecorded(db, events))
    if not fresh:
        return
    _require_incumbents(db, fresh)
    born = _insert_agents(db, fresh)
    _require_known(db, fresh)
    created = now()
    rows = [event.model_dump(mode="json", exclude={"agent"}) for event in fresh]
    db.execute(insert(schema.events), [{**row, "created": created} for row in rows])
    fold(db, [*births(born), *(change for event in fresh for change in changes(event))])


def champion(db: Connection, at_event: int | None = None) -> str | None:
    """The agent of the newest change of champion (up to an event); without any, the initial one."""
    events = schema.events.c
    newest = select(func.max(events.id)).where(events.kind.in_(CHAMPION_CHANGES))
    if at_event is not None:
        newest = newest.where(events.id <= at_event)
    found = select(events.agent_id).where(events.id == newest.scalar_subquery())
    return db.scalar(found) or db.scalar(select(schema.evolution.c.initial))


def _unrecorded(db: Connection, events: Iterable[Event]) -> Iterator[Event]:
    """Events whose key is new; raises `HomeError` where a key stands for something else."""
    events = list(events)
    table = schema.events.c
    known: dict[str, tuple[str, str]] = {}
    for part in _parts(event.key for event in events):
        query = select(table.key, table.kind, table.agent_id).where(table.key.in_(part))
        known |= {key: (kind, agent_id) for key, kind, agent_id in db.execute(query)}
    for event in events:
        meaning = (event.kind, event.agent_id)
        if event.key not in known:
            known[event.key] = meaning
            yield event
        elif known[event.key] != meaning:
            kind, agent_id = known[event.key]
            raise HomeError(
                f"the archive already holds {event.key!r} as {kind} of {agent_id[:12]}; it cannot "
                f"become {event.kind} of {event.agent_id[:12]}: give the new event its own key"
            )


def _require_incumbents(db: Connection, events: Iterable[Event]) -> None:
    """Compare before swapping: every change of champion must know whom it replaces."""
    swaps = [event for event in events if event.kind in CHAMPION_CHANGES]
    current = champion(db) if swaps else None
    for event in swaps:
        if event.incumbent_id != current:
            raise ChampionMoved(
                f"{event.agent_id[:12]} was to replace {str(event.incumbent_id)[:12]}, but the "
                f"champion is {str(current)[:12]} by now; decide again against that one"
            )
        current = event.agent_id


def _insert_agents(db: Connection, events: Iterable[Event]) -> list[Agent]:
    """Insert the agents that ``added`` events bring, where new; give those."""
    brought = {event.agent_id: event for event in events if event.agent is not None}
    for known in _known(db, brought):
        del brought[known]
    born = [event.agent for event in brought.values() if event.agent is not None]
    if not born:
        return []
    _require(db, (parent for agent in born for parent in agent.parents), also=brought)
    db.execute(insert(schema.agents), [_agent_row(event) for event in brought.values()])
    edges = [
        {"agent_id": agent.id, "ordinal": ordinal, "parent_id": parent}
        for agent in born
        for ordinal, parent in enumerate(agent.parents)
    ]
    if edges:
        db.execute(insert(schema.agent_parents), edges)
    zeros = {"ok": 0, "fail": 0, "children": 0}
    db.execute(
        insert(schema.tallies),
        [{"agent_id": agent.id, "status": founding_status(agent), **zeros} for agent in born],
    )
    return born


def _agent_row(event: Event) -> dict[str, Any]:
    assert event.agent is not None
    return {
        "id": event.agent_id,
        "generation": event.agent.gen,
        "child": event.payload["child"],
        "behaviour": event.agent.behaviour,
        "agent": event.agent.to_line(),
        "created": now(),
    }


def _require_known(db: Connection, events: Iterable[Event]) -> None:
    events = list(events)
    named = {e.agent_id for e in events} | {e.incumbent_id for e in events if e.incumbent_id}
    _require(db, named)


def _require(db: Connection, agent_ids: Iterable[str], also: Iterable[str] = ()) -> None:
    """Raise `HomeError` for the first agent that is neither in the archive nor in ``also``."""
    named = dict.fromkeys(agent_ids)
    for known in (*_known(db, named), *also):
        named.pop(known, None)
    for unknown in named:
        raise HomeError(
            f"agent {unknown[:12]} is not in this archive; add it and its parents first"
        )


def _known(db: Connection, agent_ids: Iterable[str]) -> list[str]:
    """Those of ``agent_ids`` that the archive holds."""
    column = schema.agents.c.id
    queries = (select(column).where(column.in_(part)) for part in _parts(agent_ids))
    return [known for query in queries for known in db.scalars(query)]
