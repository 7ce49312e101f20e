"""A promotion that a person asks for: the recipe's gates, or a reason to override them."""

from typing import NamedTuple

from cladeflow.archive import Event, Member
from cladeflow.archive.archive import Archive
from cladeflow.errors import CladeflowError
from cladeflow.memory.base import recall
from cladeflow.promote.comparison import judge
from cladeflow.records import Agent, Decision
from cladeflow.session import Session
from cladeflow.store import materialise


class Promotion(NamedTuple):
    """What came of asking for one. No decisions where the agent was champion already."""

    agent: Agent
    incumbent: Agent
    decisions: tuple[Decision, ...]
    promoted: bool

    @property
    def reasons(self) -> str:
        """What the gates said."""
        return "; ".join(reason for d in self.decisions for reason in d.reasons)


def promote(session: Session, name: str, who: str, override: str | None = None) -> Promotion:
    """Test the agent called ``name`` against the champion, and promote it if every gate passes it.

    With ``override``, whatever they say; the reason is recorded. The test counts among the
    children tried since the last promotion. Raises `CladeflowError` for an agent that is
    quarantined or whose weights are gone, and `ChampionMoved` where the champion changed meanwhile.
    """
    archive = session.archive
    incumbent = archive.champion().agent
    agent = require_fit(session, archive.agent(name))
    if agent.id == incumbent.id:
        return Promotion(agent, incumbent, (), True)
    tried, block = _tested(archive, agent, incumbent)
    decisions, block = judge(session, agent, incumbent, tried, block)
    passed = all(decision.outcome == "pass" for decision in decisions)
    found = Promotion(agent, incumbent, decisions, passed or override is not None)
    used = {} if block is None else {"reserve": block}
    archive.record(_events(archive, found, {"tried": tried, **used}, who, override))
    return found


def require_fit(session: Session, member: Member) -> Agent:
    """The agent, its weights and memory verified to be what they were when it was made.

    Raises `CladeflowError` where it may not, or can not, be put in charge.
    """
    agent = member.usable()
    if member.status == "quarantined":
        raise CladeflowError(
            f"agent {agent.id[:12]} is quarantined: it may be looked at, never put in charge"
        )
    require_whole(session, agent)
    return agent


def require_whole(session: Session, agent: Agent) -> None:
    """Raise `CladeflowError` where the agent's weights or memory are not what its digests say."""
    for ref in agent.weights.values():
        materialise(session.store, ref)
    for _ in recall(session, agent.memory):
        pass


def _tested(archive: Archive, agent: Agent, incumbent: Agent) -> tuple[int, int | None]:
    """How many tests there were since the last promotion, this one counted; once if repeated.

    With it goes the block of the reserve that the test took when it was made before.
    """
    for event in archive.events(kinds=["tested"], agents=[agent.id]):
        if event.key == _key(archive, agent, incumbent):
            return int(event.payload["tried"]), event.payload.get("reserve")
    return archive.tried_since_promotion() + 1, None


def _key(archive: Archive, agent: Agent, incumbent: Agent) -> str:
    """Names the test of an agent against a champion of this reign."""
    return f"tested/{agent.id}/{incumbent.id}/{len(archive.history())}"


def _events(
    archive: Archive, found: Promotion, about: dict[str, int], who: str, override: str | None
) -> list[Event]:
    """The test, and the promotion where there is one."""
    gates = {decision.gate: decision.outcome for decision in found.decisions}
    test = Event(
        key=_key(archive, found.agent, found.incumbent),
        kind="tested",
        agent_id=found.agent.id,
        payload={"gates": gates, "incumbent": found.incumbent.id, **about},
        who=who,
        why=found.reasons,
    )
    if not found.promoted:
        return [test]
    said = f"override: {override} (the gates: {found.reasons})" if override else found.reasons
    promotion = Event(
        key=f"promoted/{found.agent.id}/{archive.event_id()}",
        kind="promoted",
        agent_id=found.agent.id,
        incumbent_id=found.incumbent.id,
        payload={"gates": gates, "by_hand": True, "override": override},
        who=who,
        why=said,
    )
    return [test, promotion]
