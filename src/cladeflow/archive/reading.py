"""The read side of the archive: rows as what readers get to see."""

from collections.abc import Iterable
from string import hexdigits
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Row,
    ScalarSelect,
    Select,
    bindparam,
    func,
    literal,
    select,
    union_all,
)

from cladeflow.archive import schema
from cladeflow.archive.events import ADDED, EventKind, Recorded
from cladeflow.archive.population import Evolution, Member, Tally
from cladeflow.records import Agent

_AFTER_HEX = "g"
"""Sorts after every hexadecimal digit: ids from ``p`` to ``p + "g"`` start with ``p``."""


def evolution(db: Connection) -> Evolution | None:
    """What the archive is the archive of, where one was started."""
    row = db.execute(select(schema.evolution)).mappings().first()
    return None if row is None else Evolution(**{k: v for k, v in row.items() if k != "single"})


def newest(kinds: Iterable[EventKind], *where: ColumnElement[bool]) -> ScalarSelect[int]:
    """Number of the newest event of some kinds for which ``where`` holds; NULL without any.

    It stands at the end of its kind in the index on kinds. Only a range of kinds, even of one, in
    the order of that index keeps PostgreSQL from walking back through the events of all kinds.
    """
    events = schema.events.c
    last = select(events.id).where(*where).order_by(events.kind.desc(), events.id.desc()).limit(1)
    lasts = (last.where(events.kind.between(kind, kind)).subquery() for kind in sorted(kinds))
    each = union_all(*(select(last.c.id) for last in lasts)).subquery()
    return select(func.max(each.c.id)).scalar_subquery()


def members(db: Connection, *where: Any) -> list[Member]:
    """The agents for which all of ``where`` holds, oldest first."""
    return [_member(row) for row in db.execute(_MEMBERS.where(*where))]


def named(db: Connection, prefix: str, limit: int) -> list[Member]:
    """At most ``limit`` agents whose id starts with ``prefix``, oldest first."""
    if len(prefix) == schema.ID_LENGTH:  # not a range, so that PostgreSQL plans it once
        return [_member(row) for row in db.execute(_IDENTIFIED, {"id": prefix})]
    if not set(prefix) <= set(hexdigits.lower()):  # not left to how a database compares letters
        return []
    bounds = {"prefix": prefix, "after": prefix + _AFTER_HEX, "most": limit}
    return [_member(row) for row in db.execute(_NAMED, bounds)]


def _members() -> Select[Any]:
    agents, tallies = schema.agents.c, schema.tallies.c
    counters = (tallies[name] for name in Tally._fields)
    found = select(agents.agent, agents.child, tallies.status, agents.created, *counters)
    return found.join_from(schema.agents, schema.tallies).order_by(agents.seq)


def _named() -> Select[Any]:
    """The inner query takes agents in the order of the index on ids.

    A planner that overestimates how many there are would walk through all agents in the order that
    they are wanted in.
    """
    agents = schema.agents.c
    within = (agents.id >= bindparam("prefix"), agents.id < bindparam("after"))
    found = select(agents.seq).where(*within).order_by(agents.id)
    return _MEMBERS.where(agents.seq.in_(found.limit(bindparam("most", type_=Integer))))


def recorded() -> Select[Any]:
    """Events as `Recorded`, oldest first; ``schema.agents`` is what an event is about."""
    events, incumbents = schema.events.c, schema.agents.alias("incumbents")
    columns = {
        **{column.name: column for column in events},
        "key": func.coalesce(events.key, literal(ADDED).concat(schema.agents.c.id)),
        "agent_id": schema.agents.c.id,
        "incumbent_id": incumbents.c.id,
    }
    return (
        select(*(columns[name] for name in Recorded._fields))
        .join_from(schema.events, schema.agents, events.agent_seq == schema.agents.c.seq)
        .outerjoin(incumbents, events.incumbent_seq == incumbents.c.seq)
        .order_by(events.id)
    )


def _member(row: Row[Any]) -> Member:
    agent, child, status, created, *counters = tuple(row)
    return Member(Agent.from_line(agent), child, status, Tally(*counters), created)


_MEMBERS = _members()
_IDENTIFIED = _MEMBERS.where(schema.agents.c.id == bindparam("id"))
_NAMED = _named()
