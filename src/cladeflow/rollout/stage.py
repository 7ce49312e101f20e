"""The stage in which the agent attempts a round's tasks."""

from collections.abc import Sequence
from typing import Any, ClassVar

from cladeflow.critique.base import Critic
from cladeflow.records import Critique, Task, Trajectory
from cladeflow.rollout.base import Rollout
from cladeflow.rollout.run import Attempts, Setup, attempt
from cladeflow.stage import MapStage, StageContext, build
from cladeflow.strategy import Strategy
from cladeflow.work import Output, Work


class RolloutStage(MapStage):
    """Every strategy attempts every task; critics asked on the way are committed with it."""

    name: ClassVar[str] = "rollout"

    def strategies(self, ctx: StageContext) -> list[Strategy]:
        entries = (*ctx.plan.resolved.recipe.environments, *ctx.round.rollout, *ctx.round.critique)
        return build(entries)

    def identity(self, ctx: StageContext) -> dict[str, Any]:
        scale = ctx.scale
        limits = [scale.samples, scale.max_tokens, scale.shard]
        return {"engine": [scale.engine, scale.dtype], "limits": limits}

    def items(self, ctx: StageContext) -> Sequence[Task]:
        return ctx.tasks()

    def run_shard(self, ctx: StageContext, items: Sequence[Task], work: Work) -> Output:
        strategies = [s for s in build(ctx.round.rollout) if isinstance(s, Rollout)]
        made = attempt(ctx.session, setup(ctx), strategies, ctx.environments, items)
        count_generated(work, made)
        _count(work, made.trajectories)
        return Output(
            sets={
                "trajectories": work.write_set("trajectories", Trajectory, made.trajectories),
                "critiques": work.write_set("critiques", Critique, made.critiques),
            }
        )


def setup(ctx: StageContext) -> Setup:
    """The agent of a round, with every role that the recipe binds."""
    return Setup(
        agent=ctx.agent,
        refs={role: ctx.bound(role) for role in ctx.plan.resolved.recipe.roles},
        scale=ctx.scale,
        key=ctx.key("rollout"),
        temperature=float(ctx.plan.control.get("temperature", 1.0)),
        critics=[c for c in build(ctx.round.critique) if isinstance(c, Critic)],
        gen=ctx.call.generation,
        failures=ctx.earlier_for(build(ctx.round.rollout)).failures,
    )


def count_generated(work: Work, made: Attempts) -> None:
    """Tokens by the role whose model generated them, or was given them."""
    for role, tokens in made.generated.items():
        work.metrics.count("cladeflow_generated_tokens_total", tokens, role=role)
    for role, tokens in made.prompted.items():
        work.metrics.count("cladeflow_prompt_tokens_total", tokens, role=role)


def _count(work: Work, trajectories: Sequence[Trajectory]) -> None:
    metrics = work.metrics
    metrics.count("cladeflow_trajectories_total", len(trajectories))
    for trajectory in trajectories:
        metrics.observe("cladeflow_trajectory_tokens", trajectory.usage.gen_tokens)
        metrics.count("cladeflow_truncated_trajectories_total", trajectory.truncated)


STAGE = RolloutStage()
