"""Rollback: an earlier champion takes over again, with its weights, scaffold and memory."""

from typing import NamedTuple

from cladeflow.archive import UNFIT, Event, Member
from cladeflow.archive.archive import Archive
from cladeflow.errors import CladeflowError
from cladeflow.promote.by_hand import require_fit
from cladeflow.records import Agent
from cladeflow.session import Session
from cladeflow.tracking.view import evolution_name

_VERSION_DIGITS = 6
"""At most, where a number is a version's; the beginning of an agent's id has more."""


class Rollback(NamedTuple):
    """Who took over from whom."""

    restored: Agent
    replaced: Agent

    def __str__(self) -> str:
        """In a line, for whoever asked for it."""
        restored, replaced = self.restored.id[:12], self.replaced.id[:12]
        if restored == replaced:
            return f"{restored} is champion already"
        memory = " and memory" if self.restored.memory else ""
        roles = ", ".join(sorted(self.restored.weights))
        return (
            f"{restored} is champion again, in place of {replaced}: weights ({roles}), scaffold"
            f"{memory} of generation {self.restored.gen}"
        )


def roll_back(
    session: Session, who: str, to: str | None = None, why: str = "", request: str | None = None
) -> Rollback:
    """Put the champion before the present one, or the former champion called ``to``, in charge.

    ``to`` is an agent, or the number of its version in MLflow. An agent is its weights, scaffold
    and memory, all verified before the archive's swap; so they come back together. One ``request``
    is met once, however often whoever meets it starts again. Raises `CladeflowError` where there
    is nothing to go back to.
    """
    archive = session.archive
    if request and (met := _met(archive, request)):
        return met
    replaced = archive.champion().agent
    member = _former(session, to) if to else _before(archive)
    restored = require_fit(session, member)
    if restored.id != replaced.id:
        event = Event(
            key=_key(request) if request else f"rolled_back/{replaced.id}/{archive.event_id()}",
            kind="rolled_back",
            agent_id=restored.id,
            incumbent_id=replaced.id,
            who=who,
            why=why or "rolled back by hand",
        )
        archive.record([event])
    return Rollback(restored, replaced)


def _met(archive: Archive, request: str) -> Rollback | None:
    """What came of a request that was met before."""
    for event in archive.events(kinds=["rolled_back"]):
        if event.key == _key(request) and event.incumbent_id:
            pair = (archive.agent(one).agent for one in (event.agent_id, event.incumbent_id))
            return Rollback(*pair)
    return None


def _key(request: str) -> str:
    return f"rolled_back/request/{request}"


def _before(archive: Archive) -> Member:
    """The newest agent on the champion's line that is another one and fit to take over."""
    *line, champion = archive.champion_line()
    others = [agent_id for agent_id in reversed(line) if agent_id != champion]
    if not others:
        raise CladeflowError(
            f"there is nothing to roll back to: no champion came before {champion[:12]}"
        )
    members = [archive.agent(agent_id) for agent_id in others]
    return next((m for m in members if m.status not in UNFIT), members[0])


def _former(session: Session, name: str) -> Member:
    """The agent called ``name``, if it ever was champion."""
    archive = session.archive
    number = name.removeprefix("v")
    is_version = number.isdigit() and len(number) <= _VERSION_DIGITS
    member = archive.agent(_version(session, int(number)) if is_version else name)
    reigned = {archive.evolution.initial, *(change.agent_id for change in archive.history())}
    if member.agent.id not in reigned:
        raise CladeflowError(
            f"agent {member.agent.id[:12]} was never champion, so there is no going back to it; "
            f"'cladeflow promote {member.agent.id[:12]}' tests it against the present one"
        )
    return member


def _version(session: Session, number: int) -> str:
    """The agent that is version ``number`` of the evolution's actors in MLflow."""
    from cladeflow.tracking.versions import agent_of_version

    evolution = session.archive.evolution
    name = evolution_name(evolution.recipe, evolution.uid)
    found = agent_of_version(session.home.tracking_uri, name, number)
    if found is None:
        raise CladeflowError(
            f"{name}-actor has no version {number} in MLflow; 'cladeflow history' and "
            "'cladeflow lineage' name agents"
        )
    return found
