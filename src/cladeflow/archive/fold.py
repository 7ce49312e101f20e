"""How events change tallies. Folding every event of an archive, in order, gives its tallies.

Trials of an agent are its own and those of the clade of each of its ancestors, the agent itself
among them. An agent that several paths lead to counts once in a clade, and an event is folded in
the one transaction that appends it, so it counts once at all.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, bindparam, select

from cladeflow.archive.database import parts
from cladeflow.archive.events import Event, EventKind
from cladeflow.archive.schema import agent_parents, tallies
from cladeflow.records import Agent, AgentStatus

_STATUS: dict[EventKind, AgentStatus] = {
    "evaluated": "valid",
    "promoted": "promoted",
    "promoted_external": "promoted",
    "rejected": "rejected",
    "rolled_back": "promoted",
    "quarantined": "quarantined",
}

Seqs = Mapping[str, int]
"""Number by id of every agent that a batch of events names."""


@dataclass
class Growth:
    """What is added to one agent's counters."""

    ok: int = 0
    fail: int = 0
    clade_ok: int = 0
    clade_fail: int = 0
    children: int = 0


def founding_status(agent: Agent) -> AgentStatus:
    """A child has to prove itself; what an evolution starts from is valid as it is."""
    return "candidate" if agent.parents else "valid"


def fold(db: Connection, born: Iterable[Agent], events: Sequence[Event], seqs: Seqs) -> None:
    """Apply a batch: its new agents, whose tallies are there at zero, and its events in order."""
    grown: defaultdict[int, Growth] = defaultdict(Growth)
    for agent in born:
        for parent in set(agent.parents):
            grown[seqs[parent]].children += 1
    _count_trials(db, events, seqs, grown)
    if grown:
        db.execute(_grow, [{"of": seq, **_amounts(growth)} for seq, growth in grown.items()])
    _set_standings(db, [s for event in events for s in _standings(event, seqs)])


def _count_trials(
    db: Connection, events: Iterable[Event], seqs: Seqs, grown: defaultdict[int, Growth]
) -> None:
    for event in events:
        if event.kind == "evaluated":
            grown[seqs[event.agent_id]].ok += int(event.payload.get("ok", 0))
            grown[seqs[event.agent_id]].fail += int(event.payload.get("fail", 0))
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
    edges = agent_parents.c
    found: defaultdict[int, list[int]] = defaultdict(list)
    for part in parts(seqs):
        line = select(edges.agent_seq, edges.parent_seq).where(edges.agent_seq.in_(part))
        above = line.cte("above", recursive=True)
        higher = select(edges.agent_seq, edges.parent_seq)
        above = above.union(higher.join(above, edges.agent_seq == above.c.parent_seq))
        for agent, parent in db.execute(select(above.c.agent_seq, above.c.parent_seq)):
            found[agent].append(parent)
    return found


def _amounts(growth: Growth) -> dict[str, int]:
    return {f"more_{name}": amount for name, amount in asdict(growth).items()}


_grow = (
    tallies.update()
    .where(tallies.c.agent_seq == bindparam("of"))
    .values({name: tallies.c[name] + bindparam(f"more_{name}") for name in asdict(Growth())})
)


def _standings(event: Event, seqs: Seqs) -> Iterator[tuple[int, AgentStatus]]:
    """The status that an event would give to agents."""
    if event.kind in _STATUS:
        yield seqs[event.agent_id], _STATUS[event.kind]
    if event.kind == "rolled_back" and event.incumbent_id is not None:
        yield seqs[event.incumbent_id], "rolled_back"


def _set_standings(db: Connection, changes: Sequence[tuple[int, AgentStatus]]) -> None:
    table = tallies.c
    before: dict[int, AgentStatus] = {}
    for part in parts(dict(changes)):
        query = select(table.agent_seq, table.status).where(table.agent_seq.in_(part))
        before.update((seq, status) for seq, status in db.execute(query))
    after = dict(before)
    for seq, status in changes:
        after[seq] = _standing(after[seq], status)
    rows = [{"of": seq, "to": now} for seq, now in after.items() if now != before[seq]]
    if rows:
        db.execute(_stand, rows)


def _standing(now: AgentStatus, to: AgentStatus) -> AgentStatus:
    """Evaluations take no standing away, and only who makes it champion ends a quarantine."""
    if now == "quarantined" and to != "promoted":
        return now
    return now if to == "valid" and now != "candidate" else to


_stand = (
    tallies.update().where(tallies.c.agent_seq == bindparam("of")).values(status=bindparam("to"))
)
