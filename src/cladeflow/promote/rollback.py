"""Rollback: an earlier champion takes over again, with its weights, scaffold and memory."""

from typing import NamedTuple

from cladeflow.archive import UNFIT, Event, Member
from cladeflow.archive.archive import Archive
from cladeflow.errors import CladeflowError
from cladeflow.promote.by_hand import require_fit
from cladeflow.records import Agent
from cladeflow.session import Session


class Rollback(NamedTuple):
    """Who took over from whom."""

    restored: Agent
    replaced: Agent


def roll_back(session: Session, who: str, to: str | None = None, why: str = "") -> Rollback:
    """Put the champion before the present one, or the former champion called ``to``, in charge.

    An agent is its weights, scaffold and memory, all verified before the archive's swap; so they
    come back together. Raises `CladeflowError` where there is nothing to go back to.
    """
    archive = session.archive
    replaced = archive.champion().agent
    member = _former(archive, to) if to else _before(archive)
    restored = require_fit(session, member)
    if restored.id != replaced.id:
        event = Event(
            key=f"rolled_back/{replaced.id}/{archive.event_id()}",
            kind="rolled_back",
            agent_id=restored.id,
            incumbent_id=replaced.id,
            who=who,
            why=why or "rolled back by hand",
        )
        archive.record([event])
    return Rollback(restored, replaced)


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


def _former(archive: Archive, name: str) -> Member:
    """The agent called ``name``, if it ever was champion."""
    member = archive.agent(name)
    reigned = {archive.evolution.initial, *(change.agent_id for change in archive.history())}
    if member.agent.id not in reigned:
        raise CladeflowError(
            f"agent {member.agent.id[:12]} was never champion, so there is no going back to it; "
            f"'cladeflow promote {member.agent.id[:12]}' tests it against the present one"
        )
    return member
