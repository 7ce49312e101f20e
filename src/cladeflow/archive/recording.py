"""The write side of the archive: what one transaction does with a batch of events."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import (
    CompoundSelect,
    Connection,
    Insert,
    Select,
    Table,
    insert,
    literal_column,
    null,
    select,
    union_all,
)

from cladeflow.archive import reading, schema
from cladeflow.archive.events import ADDED, CHAMPION_CHANGES, ChampionMoved, Event
from cladeflow.archive.fold import Known, fold, founding_status
from cladeflow.archive.rows import rows, values
from cladeflow.errors import HomeError
from cladeflow.records import Agent

Meaning = tuple[str, str]
"""What a key stands for: the kind of its event, and the agent that it is about."""


def record(db: Connection, events: Iterable[Event]) -> None:
    """Append the events that are not there yet, with the agents they bring, and fold them in."""
    told = list(events)
    agents, recorded = find(db, _named(told), [event.key for event in told])
    fresh = list(_unrecorded(told, recorded))
    if not fresh:
        return
    _require_incumbents(db, fresh)
    born = _insert_agents(db, fresh, agents)
    _require(_named(fresh), agents)
    db.execute(_INSERT_EVENTS, {"events": [_event_row(event, agents) for event in fresh]})
    fold(db, born, fresh, agents)


def champion(db: Connection, at_event: int | None = None) -> int | None:
    """Number of the agent of the newest change of champion (up to an event).

    Without any change, that of the agent that the evolution started from, if there is one.
    """
    events, agents = schema.events.c, schema.agents.c
    until = () if at_event is None else (events.id <= at_event,)
    newest = reading.newest(CHAMPION_CHANGES, *until)
    changed: Select[Any] = select(events.agent_seq).where(events.id == newest)
    first = select(agents.seq).join(schema.evolution, schema.evolution.c.initial == agents.id)
    return db.scalar(changed) or db.scalar(first)


def _unrecorded(events: Iterable[Event], recorded: dict[str, Meaning]) -> Iterator[Event]:
    """Events whose key is new; raises `HomeError` where a key stands for something else."""
    for event in events:
        meaning = (event.kind, event.agent_id)
        if event.key not in recorded:
            recorded[event.key] = meaning
            yield event
        elif recorded[event.key] != meaning:
            kind, agent_id = recorded[event.key]
            raise HomeError(
                f"the archive already holds {event.key!r} as {kind} of {agent_id[:12]}; it cannot "
                f"become {event.kind} of {event.agent_id[:12]}: give the new event its own key"
            )


def _require_incumbents(db: Connection, events: Iterable[Event]) -> None:
    """Compare before swapping: every change of champion must know whom it replaces."""
    swaps = [event for event in events if event.kind in CHAMPION_CHANGES]
    if not swaps:
        return
    current = db.scalar(select(schema.agents.c.id).where(schema.agents.c.seq == champion(db)))
    for event in swaps:
        if event.incumbent_id != current:
            raise ChampionMoved(
                f"{event.agent_id[:12]} was to replace {str(event.incumbent_id)[:12]}, but the "
                f"champion is {str(current)[:12]} by now; decide again against that one"
            )
        current = event.agent_id


def _insert_agents(db: Connection, events: Iterable[Event], known: dict[str, Known]) -> list[Agent]:
    """Insert the agents that ``added`` events bring, where new, into ``known`` too; give those."""
    brought: dict[str, Event] = {}
    for event in events:
        if event.agent is not None and event.agent_id not in known:
            _require(event.agent.parents, known, brought)
            brought[event.agent_id] = event
    if not brought:
        return []
    born = [event.agent for event in brought.values() if event.agent is not None]
    contents = [_agent_row(event) for event in brought.values()]
    inserted = db.execute(_INSERT_AGENTS, {"agents": contents}).all()
    seqs = {row.id: row.seq for row in inserted}
    known |= {agent.id: Known(seqs[agent.id], founding_status(agent)) for agent in born}
    edges = [
        {"agent_seq": seqs[agent.id], "ordinal": ordinal, "parent_seq": known[parent].seq}
        for agent in born
        for ordinal, parent in enumerate(agent.parents)
    ]
    db.execute(_INSERT_PARENTS, {"agent_parents": edges})
    tallies = [{"agent_seq": seqs[one.id], "status": known[one.id].status} for one in born]
    db.execute(_INSERT_TALLIES, {"tallies": tallies})
    return born


def _agent_row(event: Event) -> dict[str, Any]:
    assert event.agent is not None
    return {
        "id": event.agent_id,
        "generation": event.agent.gen,
        "child": event.payload["child"],
        "behaviour": event.agent.behaviour,
        "agent": event.agent.to_line(),
        "created": event.created,
    }


def _event_row(event: Event, known: Mapping[str, Known]) -> dict[str, Any]:
    incumbent = None if event.incumbent_id is None else known[event.incumbent_id].seq
    return {
        "key": None if event.kind == "added" else event.key,
        "kind": event.kind,
        "agent_seq": known[event.agent_id].seq,
        "incumbent_seq": incumbent,
        "payload": event.payload,
        "who": event.who,
        "why": event.why,
        "created": event.created,
    }


def _named(events: Iterable[Event]) -> list[str]:
    """Every agent that ``events`` are about, each once."""
    names: dict[str, None] = {}
    for event in events:
        names[event.agent_id] = None
        if event.incumbent_id is not None:
            names[event.incumbent_id] = None
        if event.agent is not None:
            names |= dict.fromkeys(event.agent.parents)
    return list(names)


def _require(agent_ids: Iterable[str], *known: Mapping[str, Any]) -> None:
    """Raise `HomeError` for the first agent that is in none of ``known``."""
    for agent_id in agent_ids:
        if not any(agent_id in ids for ids in known):
            raise HomeError(
                f"agent {agent_id[:12]} is not in this archive; add it and its parents first"
            )


def find(
    db: Connection, agent_ids: Iterable[str], keys: Iterable[str] = ()
) -> tuple[dict[str, Known], dict[str, Meaning]]:
    """What the archive holds of these: agents by id, and by key what events stand for.

    An agent is there where the event that brought it is.
    """
    agents: dict[str, Known] = {}
    recorded: dict[str, Meaning] = {}
    asked = {"ids": list(agent_ids), "keys": [key for key in keys if not key.startswith(ADDED)]}
    for agent_id, seq, what, key in db.execute(_HELD, asked).all():
        if key is None:
            agents[agent_id] = Known(seq, what)
            recorded[ADDED + agent_id] = ("added", agent_id)
        else:
            recorded[key] = (what, agent_id)
    return agents, recorded


def _insertion(table: Table, *numbered: str, zero: Collection[str] = ()) -> Insert:
    """Insert the rows of a parameter that is called as the table; it numbers some columns itself.

    Those that start at ``zero`` are not in the parameter either.
    """
    columns = [column for column in table.c if column.name not in (*numbered, *zero)]
    given = select(rows(table.name, *columns), *(literal_column("0") for _ in zero))
    return insert(table).from_select([*(column.name for column in columns), *zero], given)


def _held() -> CompoundSelect[Any]:
    """Agents with their status, and no key; and, by their keys, events with their kind."""
    agents, events, tallies = schema.agents.c, schema.events.c, schema.tallies.c
    ids, keys = values("ids", agents.id), values("keys", events.key)
    known = select(agents.id, agents.seq, tallies.status, null())
    known = known.join_from(ids, schema.agents, agents.id == ids.c.id)
    recorded = select(agents.id, agents.seq, events.kind, events.key)
    recorded = recorded.join_from(keys, schema.events, events.key == keys.c.key)
    return union_all(
        known.join(schema.tallies, tallies.agent_seq == agents.seq),
        recorded.join(schema.agents, agents.seq == events.agent_seq),
    )


_HELD = _held()
_INSERT_AGENTS = _insertion(schema.agents, "seq").returning(schema.agents.c.id, schema.agents.c.seq)
_INSERT_PARENTS = _insertion(schema.agent_parents)
_INSERT_TALLIES = _insertion(schema.tallies, zero=schema.COUNTERS)
_INSERT_EVENTS = _insertion(schema.events, "id")
