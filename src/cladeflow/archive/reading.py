"""The read side of the archive: rows as what readers get to see."""

from string import hexdigits
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from cladeflow.archive import schema
from cladeflow.archive.events import Recorded
from cladeflow.archive.population import Evolution, Member, Tally
from cladeflow.records import Agent

_AFTER_HEX = "g"
"""Sorts after every hexadecimal digit: ids from ``p`` to ``p + "g"`` start with ``p``."""


def evolution(db: Connection) -> Evolution | None:
    """What the archive is the archive of, where one was started."""
    row = db.execute(select(schema.evolution)).mappings().first()
    return None if row is None else Evolution(**{k: v for k, v in row.items() if k != "single"})


def members(db: Connection, *where: Any) -> list[Member]:
    """The agents for which all of ``where`` holds, oldest first."""
    agents, tallies = schema.agents.c, schema.tallies.c
    counters = (tallies[name] for name in Tally._fields)
    query: Select[Any] = (
        select(agents.agent, agents.child, tallies.status, agents.created, *counters)
        .join_from(schema.agents, schema.tallies)
        .where(*where)
        .order_by(agents.seq)
    )
    return [_member(row) for row in db.execute(query)]


def named(db: Connection, prefix: str, limit: int) -> list[Member]:
    """At most ``limit`` agents whose id starts with ``prefix``.

    The inner query takes them in the order of the index on ids: a planner that underestimates how
    few there are would walk through all agents in the order that they are wanted in.
    """
    if not set(prefix) <= set(hexdigits.lower()):  # not left to how a database compares letters
        return []
    agents = schema.agents.c
    within = (agents.id >= prefix, agents.id < prefix + _AFTER_HEX)
    found = select(agents.seq).where(*within).order_by(agents.id).limit(limit)
    return members(db, agents.seq.in_(found))


def recorded() -> Select[Any]:
    """Events as `Recorded`, oldest first; ``schema.agents`` is what an event is about."""
    events, incumbents = schema.events.c, schema.agents.alias("incumbents")
    columns = {
        **{column.name: column for column in events},
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
