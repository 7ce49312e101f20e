"""How events change tallies. Folding every event of an archive, in order, gives its tallies.

Trials of an agent are its own and those of the clade of each of its ancestors, the agent itself
among them. An agent that several paths lead to counts once in a clade, and an event is folded in
the one transaction that appends it, so it counts once at all.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, Update, select

from cladeflow.archive.events import Event, EventKind
from cladeflow.archive.rows import rows, values
from cladeflow.archive.schema import agent_parents, tallies
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
class Growth:
    """What is added to one agent's counters."""

    ok: int = 0
    fail: int = 0
    clade_ok: int = 0
    clade_fail: int = 0
    children: int = 0

    def row(self, seq: int) -> dict[str, int]:
        """A row of the parameter of `_GROW`."""
        return {"agent_seq": seq, **vars(self)}


def founding_status(agent: Agent) -> AgentStatus:
    """A child has to prove itself; what an evolution starts from is valid as it is."""
    return "candidate" if agent.parents else "valid"


def fold(
    db: Connection, born: Iterable[Agent], events: Sequence[Event], known: Mapping[str, Known]
) -> None:
    """Apply a batch: its new agents, whose tallies are there at zero, and its events in order."""
    grown: defaultdict[int, Growth] = defaultdict(Growth)
    for agent in born:
        for parent in set(agent.parents):
            grown[known[parent].seq].children += 1
    _count_trials(db, events, known, grown)
    if grown:
        db.execute(_GROW, {"grown": [growth.row(seq) for seq, growth in grown.items()]})
    standings = list(_new_standings(events, known))
    if standings:
        db.execute(_STAND, {"standings": standings})


def _count_trials(
    db: Connection,
    events: Iterable[Event],
    known: Mapping[str, Known],
    grown: defaultdict[int, Growth],
) -> None:
    for event in events:
        if event.kind == "evaluated":
            own = grown[known[event.agent_id].seq]
            own.ok += int(event.payload.get("ok", 0))
            own.fail += int(event.payload.get("fail", 0))
    tried = {seq: growth for seq, growth in grown.items() if growth.ok or growth.fail}
    parents = _parents_above(db, tried)
    for seq, own in tried.items():
        for ancestor in _clades_of(seq, parents):
            grown[ancestor].clade_ok += own.ok
            grown[ancestor].clade_fail += own.fail


def _clades_of(seq: int, parents: Mapping[int, Sequence[int]]) -> set[int]:
    """The agent and all its ancestors."""
    found, open_ = {seq}, [seq]
    while open_:
        new = [parent for parent in parents.get(open_.pop(), ()) if parent not in found]
        found.update(new)
        open_ += new
    return found


def _parents_above(db: Connection, seqs: Iterable[int]) -> dict[int, list[int]]:
    """Parents of these agents and of all their ancestors."""
    found: defaultdict[int, list[int]] = defaultdict(list)
    some = list(seqs)
    for agent, parent in db.execute(_ABOVE, {"some": some}).all() if some else ():
        found[agent].append(parent)
    return found


def _new_standings(events: Iterable[Event], known: Mapping[str, Known]) -> Iterator[dict[str, Any]]:
    """The rows of `_STAND` for every agent whose status is another one after the events."""
    now: dict[str, AgentStatus] = {}
    for event in events:
        for agent_id, status in _standings(event):
            now[agent_id] = _standing(now.get(agent_id, known[agent_id].status), status)
    for agent_id, status in now.items():
        if status != known[agent_id].status:
            yield {"agent_seq": known[agent_id].seq, "status": status}


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


def _above() -> Select[Any]:
    """Edges (agent, parent) from some agents up, each once."""
    edges = agent_parents.c
    some = values("some", edges.agent_seq)
    line = select(edges.agent_seq, edges.parent_seq)
    above = line.join(some, edges.agent_seq == some.c.agent_seq).cte("above", recursive=True)
    higher = line.join(above, edges.agent_seq == above.c.parent_seq)
    above = above.union(higher)
    return select(above.c.agent_seq, above.c.parent_seq)


def _grow() -> Update:
    """Add to the counters of some agents."""
    counters = [tallies.c[field.name] for field in fields(Growth)]
    grown = rows("grown", tallies.c.agent_seq, *counters)
    more = {counter: counter + grown.c[counter.name] for counter in counters}
    return tallies.update().where(tallies.c.agent_seq == grown.c.agent_seq).values(more)


def _stand() -> Update:
    """Give some agents another status."""
    standings = rows("standings", tallies.c.agent_seq, tallies.c.status)
    at = tallies.c.agent_seq == standings.c.agent_seq
    return tallies.update().where(at).values(status=standings.c.status)


_ABOVE, _GROW, _STAND = _above(), _grow(), _stand()
