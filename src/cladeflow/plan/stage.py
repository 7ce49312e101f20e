"""The first stage of a generation, and the only one that reads what may change."""

from collections.abc import Mapping, Sequence
from itertools import cycle, islice
from statistics import fmean
from typing import Any, ClassVar

from cladeflow.archive import Selection
from cladeflow.archive.archive import Archive
from cladeflow.models.binding import external_refs
from cladeflow.plan.control import Control
from cladeflow.plan.model import CellStats, Plan, Population
from cladeflow.plan.standing import standing
from cladeflow.recipes.model import Resolved
from cladeflow.redo import evaluations_redone
from cladeflow.stage import Stage, StageContext
from cladeflow.visit import Visit
from cladeflow.work import Output, Work


class PlanStage(Stage):
    """Commits parents, incumbent, recipe and what it names, control settings, statistics, event id.

    Its input hash names the generation alone, so a resumed generation finds the plan it began
    with, whatever has happened to the archive since.
    """

    name: ClassVar[str] = "plan"

    def run(self, ctx: StageContext, key: str, work: Work) -> Output:
        archive, generation = ctx.session.archive, ctx.call.generation
        before = Visit(ctx.session).planned(generation - 1)
        plan = make_plan(archive, generation, ctx.session.population, before)
        return Output(values={"plan": plan.model_dump(mode="json")})


def make_plan(
    archive: Archive, generation: int, population: Population, before: Plan | None = None
) -> Plan:
    """Read the archive once and draw the parents; the children descend from them in turn.

    ``before`` is the plan of the generation before, where there was one.
    """
    evolution = archive.evolution
    resolved = Resolved.model_validate(evolution.resolved)
    columns = archive.columns()
    selection, control = resolved.recipe.selection.build(), resolved.recipe.control.build()
    assert isinstance(selection, Selection) and isinstance(control, Control)
    key = f"{evolution.seed}/plan/{generation}"
    drawn = [archive.agent(p).agent for p in selection.select(columns, population.parents, key)]
    parents = tuple(islice(cycle(drawn), population.children))
    incumbent = archive.agent(columns.ids[columns.champion]).agent
    return Plan(
        evolution=evolution.id,
        generation=generation,
        seed=evolution.seed,
        resolved=resolved,
        population=population,
        parents=parents,
        incumbent=incumbent,
        initial=archive.agent("initial").agent,
        previous=archive.agent("previous").agent,
        external=external_refs(resolved.recipe.roles),
        opponents=tuple(archive.agent(one).agent for one in selection.opponents(columns)),
        control=control.settings(generation, _measured(archive, [p.id for p in drawn])),
        stats=_statistics(_cells(archive)),
        incumbent_exploration=_measured(archive, [incumbent.id]),
        event_id=archive.event_id(),
        reserve_used=reserve_used(archive),
        standing=standing(archive, resolved.recipe, generation),
        tried=archive.tried_since_promotion(),
        redone=evaluations_redone(archive, generation),
        earlier_children=_earlier_children(before, population.children),
    )


def reserve_used(archive: Archive) -> int:
    """Blocks of the reserve up to the last that an agent was tested on; those after it are new."""
    decided = archive.events(kinds=["promoted", "rejected", "tested"])
    return max(
        (event.payload["reserve"] + 1 for event in decided if "reserve" in event.payload), default=0
    )


def _earlier_children(before: Plan | None, children: int) -> int | None:
    """Children of all generations up to ``before``; None for as many as ``children`` in each."""
    if before is None:
        return None
    earlier = before.children_before + len(before.parents)
    return None if earlier == before.generation * children else earlier


def _cells(archive: Archive) -> list[Mapping[str, Any]]:
    """What each generation's tasks taught about the cells: its first child's event has it."""
    evaluated = archive.events(kinds=["evaluated"], child=0)
    return [event.payload["cells"] for event in evaluated if "cells" in event.payload]


def _measured(archive: Archive, parents: Sequence[str]) -> dict[str, float]:
    """The newest exploration found of the parents, its mean where several were measured."""
    newest = {
        event.agent_id: event.payload["exploration"]
        for event in archive.events(kinds=["evaluated"], agents=set(parents))
        if "exploration" in event.payload
    }
    found = [newest[parent] for parent in parents if parent in newest]
    names = {name: None for measures in found for name in measures}
    return {name: fmean(one[name] for one in found if name in one) for name in names}


def _statistics(measured: Sequence[Mapping[str, Any]]) -> dict[str, CellStats]:
    """By cell, from what each generation measured, oldest first."""
    found = {cell: CellStats(n=0, mean=0.0) for cells in measured for cell in sorted(cells)}
    for cells in measured:
        for cell, stats in found.items():
            now = CellStats.model_validate(cells.get(cell, {"n": 0, "mean": 0.0}))
            history = (*stats.history, now.mean) if now.n else stats.history
            found[cell] = now.model_copy(update={"history": history})
    return found


STAGE = PlanStage()
