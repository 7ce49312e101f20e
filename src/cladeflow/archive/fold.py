"""How events change tallies. Folding every event of an archive, in order, gives its tallies."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sqlalchemy import BindParameter, Connection, bindparam, case, or_

from cladeflow.archive.events import Event, EventKind
from cladeflow.archive.schema import tallies
from cladeflow.records import Agent, AgentStatus

_STATUS: dict[EventKind, AgentStatus] = {
    "evaluated": "valid",
    "promoted": "promoted",
    "promoted_external": "promoted",
    "rejected": "rejected",
    "rolled_back": "promoted",
    "quarantined": "quarantined",
}


class Change(NamedTuple):
    """What is added to one agent's counters, and the status it gets, if any."""

    agent_id: str
    ok: int = 0
    fail: int = 0
    children: int = 0
    status: AgentStatus | None = None


def founding_status(agent: Agent) -> AgentStatus:
    """A child has to prove itself; what an evolution starts from is valid as it is."""
    return "candidate" if agent.parents else "valid"


def births(agents: Iterable[Agent]) -> Iterator[Change]:
    """One child more for every parent of a new agent, each parent counted once."""
    for agent in agents:
        yield from (Change(parent, children=1) for parent in dict.fromkeys(agent.parents))


def changes(event: Event) -> Iterator[Change]:
    """What an event changes, apart from births."""
    trials = event.payload if event.kind == "evaluated" else {}
    yield Change(
        event.agent_id,
        ok=int(trials.get("ok", 0)),
        fail=int(trials.get("fail", 0)),
        status=_STATUS.get(event.kind),
    )
    if event.kind == "rolled_back" and event.incumbent_id is not None:
        yield Change(event.incumbent_id, status="rolled_back")


_status: BindParameter[str | None] = bindparam("to_status")
_apply = (
    tallies.update()
    .where(tallies.c.agent_id == bindparam("of_agent"))
    .values(
        ok=tallies.c.ok + bindparam("more_ok"),
        fail=tallies.c.fail + bindparam("more_fail"),
        children=tallies.c.children + bindparam("more_children"),
        status=case(
            # Only a candidate becomes valid: an evaluation takes no other standing away.
            (
                or_(_status.is_(None), (_status == "valid") & (tallies.c.status != "candidate")),
                tallies.c.status,
            ),
            else_=_status,
        ),
    )
)


def fold(connection: Connection, changed: Iterable[Change]) -> None:
    """Apply changes in order."""
    names = ("of_agent", "more_ok", "more_fail", "more_children", "to_status")
    rows = [dict(zip(names, change, strict=True)) for change in changed]
    if rows:
        connection.execute(_apply, rows)
