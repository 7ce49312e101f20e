"""The stage that adds the critiques which the rollouts have not committed already."""

from collections.abc import Sequence
from typing import Any, ClassVar

from cladeflow.records import Critique, Task, Trajectory
from cladeflow.rollout.run import criticise
from cladeflow.rollout.stage import count_generated, setup
from cladeflow.stage import MapStage, StageContext, build
from cladeflow.strategy import Strategy
from cladeflow.work import Output, Work


class CritiqueStage(MapStage):
    """Every critic sees every trajectory once: in its episode, or here."""

    name: ClassVar[str] = "critique"

    def strategies(self, ctx: StageContext) -> list[Strategy]:
        return [*build(ctx.plan.resolved.recipe.environments), *build(ctx.round.critique)]

    def identity(self, ctx: StageContext) -> dict[str, Any]:
        return {"engine": [ctx.scale.engine, ctx.scale.dtype]}

    def items(self, ctx: StageContext) -> Sequence[tuple[Task, Sequence[Trajectory]]]:
        """Tasks with the trajectories that nobody has criticised yet."""
        done = {target for c in ctx.gathered("critiques", Critique) for target in c.target}
        waiting: dict[str, list[Trajectory]] = {}
        for trajectory in ctx.gathered("trajectories", Trajectory):
            if trajectory.id not in done:
                waiting.setdefault(trajectory.task_id, []).append(trajectory)
        return [(task, waiting[task.id]) for task in ctx.tasks() if task.id in waiting]

    def run_shard(self, ctx: StageContext, items: Sequence[Any], work: Work) -> Output:
        made = criticise(ctx.session, setup(ctx), ctx.environments, items)
        count_generated(work, made)
        return Output(sets={"critiques": work.write_set("critiques", Critique, made.critiques)})


STAGE = CritiqueStage()
