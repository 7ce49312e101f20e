"""How events change tallies. Folding every event of an archive, in order, gives its tallies.

Trials of an agent are its own and those of the clade of each of its ancestors, the agent itself
among them. An agent that several paths lead to counts once in a clade, and an event is folded in
the one transaction that appends it, so it counts once at all.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from sqlalchemy import CTE, Connection, Integer, Select, Update, func, literal_column, null, select

from cladeflow.archive.events import Event, EventKind
from cladeflow.archive.rows import rows
from cladeflow.archive.schema import COUNTERS, agent_parents, tallies
from cladeflow.records import Agent, AgentStatus

_STATUS: dict[EventKind, AgentStatus] = {
    "evaluated": "valid",
    "promoted": "promoted",
    "promoted_external": "promoted",
    "rejected": "rejected",
    "rolled_back": "promoted",
    "quarantined": "quarantined",
    "collected": "collected",
}


class Known(NamedTuple):
    """An agent of the archive as it stands before a batch of events."""

    seq: int
    status: AgentStatus


@dataclass
class Change:
    """What a batch does to one agent: the status that it gives, and what its counters grow by."""

    agent_seq: int
    status: AgentStatus | None = None
    """None where it stays as it is."""
    ok: int = 0
    fail: int = 0
    children: int = 0


class _Changes(dict[int, Change]):
    """By the agents' numbers."""

    def __missing__(self, seq: int) -> Change:
        return self.setdefault(seq, Change(seq))


def founding_status(agent: Agent) -> AgentStatus:
    """A child has to prove itself; what an evolution starts from is valid as it is."""
    return "candidate" if agent.parents else "valid"


def fold(
    db: Connection, born: Iterable[Agent], events: Iterable[Event], known: Mapping[str, Known]
) -> None:
    """Apply a batch: its new agents, whose tallies are there at zero, and its events in order."""
    changes = _Changes()
    for agent in born:
        for parent in set(agent.parents):
            changes[known[parent].seq].children += 1
    for event in events:
        if event.kind == "evaluated":
            own = changes[known[event.agent_id].seq]
            own.ok += int(event.payload.get("ok", 0))
            own.fail += int(event.payload.get("fail", 0))
    for agent_id, status in _new_standings(events, known):
        changes[known[agent_id].seq].status = status
    if changes:
        db.execute(_FOLD, {"changes": [vars(change) for change in changes.values()]})


def _new_standings(
    events: Iterable[Event], known: Mapping[str, Known]
) -> Iterator[tuple[str, AgentStatus]]:
    """Every agent whose status is another one after the events, with that one."""
    now: dict[str, AgentStatus] = {}
    for event in events:
        for agent_id, status in _standings(event):
            now[agent_id] = _standing(now.get(agent_id, known[agent_id].status), status)
    for agent_id, status in now.items():
        if status != known[agent_id].status:
            yield agent_id, status


def _standings(event: Event) -> Iterator[tuple[str, AgentStatus]]:
    """The status that an event would give to agents."""
    if event.kind in _STATUS:
        yield event.agent_id, _STATUS[event.kind]
    if event.kind == "rolled_back" and event.incumbent_id is not None:
        yield event.incumbent_id, "rolled_back"


def _standing(now: AgentStatus, to: AgentStatus) -> AgentStatus:
    """Evaluations take no standing away, and only who makes it champion ends a quarantine.

    Weights that were collected do not come back.
    """
    if "collected" in (now, to):
        return "collected"
    if now == "quarantined" and to != "promoted":
        return now
    return now if to == "valid" and now != "candidate" else to


def _fold() -> Update:
    """Apply changes to their agents' tallies, and add their trials to the clades above."""
    own = (tallies.c[field.name] for field in fields(Change))
    changes = select(rows("changes", *own)).cte("changes")
    growth = _growth(changes, _line(changes)).cte("growth")
    grown = {tallies.c[name]: tallies.c[name] + growth.c[name] for name in COUNTERS}
    status = func.coalesce(growth.c.status, tallies.c.status)
    changed = tallies.update().where(tallies.c.agent_seq == growth.c.agent_seq)
    return changed.values({tallies.c.status: status, **grown})


def _line(changes: CTE) -> CTE:
    """Trials beside every agent in whose clade they are; UNION drops second paths to it."""
    agent, trials = changes.c.agent_seq, (changes.c.ok, changes.c.fail)
    tried = select(agent.label("tried"), agent, *trials).where(changes.c.ok + changes.c.fail > 0)
    line = tried.cte("line", recursive=True)
    above = select(line.c.tried, agent_parents.c.parent_seq, line.c.ok, line.c.fail)
    edges = agent_parents.c.agent_seq == line.c.agent_seq
    return line.union(above.join_from(line, agent_parents, edges))


def _growth(changes: CTE, line: CTE) -> Select[Any]:
    """All that is added to an agent in one row, because an update takes a row once."""
    none = literal_column("0", Integer)
    own = select(changes, none.label("clade_ok"), none.label("clade_fail"))
    clade = {"agent_seq": line.c.agent_seq, "clade_ok": line.c.ok, "clade_fail": line.c.fail}
    above = select(*({"status": null(), **clade}.get(c.name, none) for c in own.selected_columns))
    parts = own.union_all(above).subquery().c
    status = func.max(parts.status).label("status")
    sums = (func.sum(parts[name]).label(name) for name in COUNTERS)
    return select(parts.agent_seq, status, *sums).group_by(parts.agent_seq)


_FOLD = _fold()
