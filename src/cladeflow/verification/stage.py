"""The stage that judges every trajectory of a round."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

from cladeflow.records import Critique, Trajectory, Verdict, by_target
from cladeflow.stage import MapStage, StageContext, build
from cladeflow.strategy import Strategy
from cladeflow.telemetry import Metrics, record_outcomes, record_rewards, summarise_verdicts
from cladeflow.verification.base import Group, Verification, VerifyContext
from cladeflow.work import Output, Work


class Verify(MapStage):
    """Several strategies judge independently; each gives one verdict per trajectory."""

    name: ClassVar[str] = "verification"

    def strategies(self, ctx: StageContext) -> list[Strategy]:
        return [*build(ctx.plan.resolved.recipe.environments), *build(ctx.round.verification)]

    def items(self, ctx: StageContext) -> Sequence[Group]:
        """One group per task, in the order of the tasks."""
        attempts: dict[str, list[Trajectory]] = {}
        for trajectory in ctx.gathered("trajectories", Trajectory):
            attempts.setdefault(trajectory.task_id, []).append(trajectory)
        critiques = by_target(ctx.gathered("critiques", Critique))
        earlier = ctx.earlier.by_task()
        return [
            Group(task, attempts[task.id], critiques, earlier.get(task.id, ()))
            for task in ctx.tasks()
            if task.id in attempts
        ]

    def shard_size(self, ctx: StageContext, items: int) -> int:
        """One shard for all where a strategy must see the whole round."""
        whole = any(s.whole_round for s in self._verifications(ctx))
        return max(items, 1) if whole else super().shard_size(ctx, items)

    def run_shard(self, ctx: StageContext, items: Sequence[Any], work: Work) -> Output:
        how = VerifyContext(ctx.session.checker, ctx.call.generation, ctx.key("verify"))
        verdicts: list[Verdict] = []
        for strategy in self._verifications(ctx):
            judged = asyncio.run(strategy.verify(items, how))
            _count(work, items, judged)
            verdicts += judged
        return Output(sets={"verdicts": work.write_set("verdicts", Verdict, verdicts)})

    def summarise(self, metrics: Metrics) -> None:
        summarise_verdicts(metrics)

    def _verifications(self, ctx: StageContext) -> list[Verification]:
        return [s for s in build(ctx.round.verification) if isinstance(s, Verification)]


def _count(work: Work, groups: Sequence[Group], verdicts: Sequence[Verdict]) -> None:
    """What one strategy says of the groups' attempts, in numbers."""
    metrics = work.metrics
    kinds = Counter((v.by.strategy, v.outcome, bool(v.ok)) for v in verdicts)
    for (by, outcome, ok), total in kinds.items():
        metrics.count("cladeflow_verdicts_total", total, strategy=by, outcome=outcome)
        metrics.count("cladeflow_positive_trajectories_total", total * ok, strategy=by)
    record_outcomes(metrics, verdicts)
    task = {t.id: group.task.id for group in groups for t in group.trajectories}
    record_rewards(metrics, verdicts, task)


STAGE = Verify()
