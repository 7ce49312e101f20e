"""The first stage of a generation, and the only one that reads what may change."""

from typing import ClassVar

from cladeflow.archive import Selection
from cladeflow.archive.archive import Archive
from cladeflow.plan.control import Control
from cladeflow.plan.model import CellStats, Plan
from cladeflow.recipes.model import Resolved
from cladeflow.stage import Stage, StageContext
from cladeflow.work import Output, Work


class PlanStage(Stage):
    """Commits parents, incumbent, recipe, control settings, statistics and the archive's event id.

    Its input hash names the generation alone, so a resumed generation finds the plan it began
    with, whatever has happened to the archive since.
    """

    name: ClassVar[str] = "plan"

    def run(self, ctx: StageContext, key: str, work: Work) -> Output:
        archive = ctx.session.archive
        plan = make_plan(archive, ctx.call.generation)
        return Output(values={"plan": plan.model_dump(mode="json")})


def make_plan(archive: Archive, generation: int, children: int = 1) -> Plan:
    """Read the archive once and draw the parents."""
    evolution = archive.evolution
    resolved = Resolved.model_validate(evolution.resolved)
    population = archive.population()
    agents = {member.agent.id: member.agent for member in population.members}
    selection, control = resolved.recipe.selection.build(), resolved.recipe.control.build()
    assert isinstance(selection, Selection) and isinstance(control, Control)
    key = f"{evolution.seed}/plan/{generation}"
    evaluated = archive.events(kinds=["evaluated"])
    cells = evaluated[-1].payload.get("cells", {}) if evaluated else {}
    return Plan(
        evolution=evolution.id,
        generation=generation,
        seed=evolution.seed,
        resolved=resolved,
        parents=tuple(agents[parent] for parent in selection.select(population, children, key)),
        incumbent=agents[population.champion],
        initial=agents[evolution.initial],
        previous=archive.agent("previous").agent,
        control=control.settings(generation, [e.payload.get("exploration", {}) for e in evaluated]),
        stats={cell: CellStats.model_validate(found) for cell, found in cells.items()},
        event_id=archive.event_id(),
        tried=archive.tried_since_promotion(),
    )


STAGE = PlanStage()
