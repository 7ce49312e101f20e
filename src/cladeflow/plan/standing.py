"""What a champion is held to, and who takes over where it falls below that."""

from collections.abc import Collection, Mapping
from typing import Any

from cladeflow.archive import UNFIT
from cladeflow.archive.archive import Archive
from cladeflow.plan.model import Standing
from cladeflow.promote import Recheck
from cladeflow.recipes.model import Recipe
from cladeflow.records import ReportRow


def standing(archive: Archive, recipe: Recipe, generation: int) -> Standing | None:
    """What `Recheck` needs in a generation that it is due in; None in all others.

    The score to hold is that of the champion's line with the largest lower bound, among those who
    passed their gates; the agent to restore is the one that has it, or for the champion itself the
    one before it. None where no agent came before.
    """
    gates = [entry.build() for entry in recipe.promote]
    if not any(isinstance(gate, Recheck) and gate.due(generation) for gate in gates):
        return None
    *line, champion = archive.champion_line()
    status = {member.agent.id: member.status for member in archive.agents()}
    fit = [a for a in dict.fromkeys(reversed(line)) if a != champion and status[a] not in UNFIT]
    proven_ones = _proven(archive)
    scores = _scores(archive, [a for a in (champion, *fit) if a in proven_ones])
    proven = [a for a in (champion, *fit) if a in scores]
    if not fit or not proven:
        return None
    holder = max(proven, key=lambda agent_id: scores[agent_id].lo)
    restored = fit[0] if holder == champion else holder
    return Standing(promised=scores[holder], restored=archive.agent(restored).agent)


def _proven(archive: Archive) -> set[str]:
    """The initial agent, and those that every gate of their promotion passed."""
    promotions = archive.events(kinds=["promoted"])
    return {archive.evolution.initial, *(e.agent_id for e in promotions if _passed(e.payload))}


def _passed(payload: Mapping[str, Any]) -> bool:
    return all(outcome == "pass" for outcome in payload.get("gates", {}).values())


def _scores(archive: Archive, agents: Collection[str]) -> dict[str, ReportRow]:
    """By agent, what its own evaluation found."""
    return {
        event.agent_id: ReportRow.model_validate(event.payload["score"])
        for event in archive.events(kinds=["evaluated"], agents=agents)
        if event.payload.get("score")
    }
