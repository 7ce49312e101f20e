"""The stage that poses a round's tasks and sends their golds to the gold store."""

from collections.abc import Iterable, Iterator
from statistics import fmean
from typing import ClassVar

from cladeflow.environments.base import Posed
from cladeflow.records import Task, Trajectory
from cladeflow.sandbox.gold import GoldStore
from cladeflow.stage import Stage, StageContext, build
from cladeflow.strategy import Strategy
from cladeflow.task_synthesis.base import Generator, Selector
from cladeflow.task_synthesis.uniform import Uniform
from cladeflow.work import Output, Work


class TaskSynthesis(Stage):
    """Generators pose candidates, selectors choose as many of them as the pass is to have.

    Where generators give trajectories with their tasks, those of the chosen ones are committed too.
    """

    name: ClassVar[str] = "task_synthesis"

    def strategies(self, ctx: StageContext) -> list[Strategy]:
        return [*build(ctx.plan.resolved.recipe.environments), *build(ctx.round.task_synthesis)]

    def run(self, ctx: StageContext, key: str, work: Work) -> Output:
        strategies = build(ctx.round.task_synthesis)
        selectors = [s for s in strategies if isinstance(s, Selector)] or [Uniform()]
        n = _share(ctx)
        wanted = n * max(selector.oversample for selector in selectors)
        generators = [s for s in strategies if isinstance(s, Generator)]
        posed = [{p.task.id: p for p in self._pose(ctx, g, wanted)} for g in generators]
        known = {task_id: p for pool in posed for task_id, p in pool.items()}
        tasks = [p.task for p in known.values()]
        for selector in selectors:
            seed = ctx.key("select", selector.name)
            tasks = selector.select(tasks, ctx.plan.stats, n=n, seed=seed)
        GoldStore(ctx.session.home.gold).add(known[task.id].gold for task in tasks)
        _count(work, tasks)
        sets = {"tasks": work.write_set("tasks", Task, tasks)}
        given = [
            trajectory
            for generator, pool in zip(generators, posed, strict=True)
            for trajectory in _given(ctx, generator, [t for t in tasks if t.id in pool])
        ]
        if given:
            sets["trajectories"] = work.write_set("trajectories", Trajectory, given)
        return Output(sets=sets)

    def _pose(self, ctx: StageContext, generator: Generator, wanted: int) -> list[Posed]:
        """Candidates from every environment, an equal share each."""
        share = -(-wanted // len(ctx.environments))
        return [
            posed
            for env in ctx.environments.values()
            for posed in generator.generate(
                env,
                n=share,
                gen=ctx.call.generation,
                draw=_draw(ctx),
                seed=ctx.plan.seed,
                earlier=ctx.earlier_for([generator]),
            )
        ]


def _count(work: Work, tasks: Iterable[Task]) -> None:
    """Tasks by family, and how hard they are."""
    levels: dict[tuple[str, str], list[int]] = {}
    for task in tasks:
        levels.setdefault((task.env, task.family), []).append(task.level)
    for (env, family), found in levels.items():
        work.metrics.count("cladeflow_tasks_total", len(found), env=env, family=family)
        work.metrics.gauge("cladeflow_task_level", fmean(found), env=env, family=family)


def _given(ctx: StageContext, generator: Generator, tasks: list[Task]) -> Iterator[Trajectory]:
    """What comes with tasks that the generator posed."""
    for task in tasks:
        trajectory = generator.given(ctx.environments[task.env], task, ctx.call.generation)
        if trajectory is not None:
            yield trajectory


def _share(ctx: StageContext) -> int:
    """Tasks of this pass: the passes of a round share the round's alike."""
    return -(-ctx.scale.tasks // ctx.round.repeat)


def _draw(ctx: StageContext) -> int:
    """How many times the evolution has drawn tasks before this call."""
    passes = [(r.name, i) for r in ctx.plan.resolved.recipe.rounds for i in range(r.repeat)]
    before = ctx.plan.children_before * len(passes)
    index = passes.index((ctx.round.name, ctx.call.repeat))
    return before + index * len(ctx.plan.parents) + (ctx.call.child or 0)


STAGE = TaskSynthesis()
