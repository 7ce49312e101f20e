"""Independent samples of a policy."""

from typing import ClassVar

from pydantic import Field

from cladeflow.models.engine import Sampling
from cladeflow.records import Task, Trajectory
from cladeflow.rollout.base import Rollout
from cladeflow.rollout.episode import EpisodeContext
from cladeflow.rollout.play import Played, play, respond


class Sample(Rollout, name="sample", version=1):
    """y_1 … y_n ~ pi(. | x), independent, with log-probabilities.

    Unset options are the run's. With tools or other turns, each y_i is a chain of turns of its
    own; without, the n samples are one request, whose prompt is read once.
    """

    gives: ClassVar[frozenset[str]] = frozenset({"group", "logp"})

    n: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0)
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_tokens: int | None = Field(default=None, ge=1)

    def provided(self) -> frozenset[str]:
        return self.gives - {"group"} if self.n == 1 else self.gives

    async def episode(self, task: Task, ctx: EpisodeContext) -> list[Trajectory]:
        set_here = self.model_dump(
            include={"temperature", "top_p", "max_tokens"}, exclude_none=True
        )
        sampling = ctx.sampling.model_copy(update=set_here)
        chains = self._turns if ctx.env.max_turns > 1 else self._single
        return [
            ctx.trajectory(
                task,
                played.context,
                strategy=self,
                sampling=sampling,
                sample=i,
                truncated=played.truncated,
            )
            for i, played in enumerate(await chains(task, ctx, sampling))
        ]

    async def _single(self, task: Task, ctx: EpisodeContext, sampling: Sampling) -> list[Played]:
        context = ctx.open(task)
        key = f"{task.id}/{self.name}"
        n = self.n or ctx.samples
        completions = await ctx.model().generate(context, n=n, sampling=sampling, key=key)
        return [respond(context.fork(), completion) for completion in completions]

    async def _turns(self, task: Task, ctx: EpisodeContext, sampling: Sampling) -> list[Played]:
        context = ctx.open(task)
        return await ctx.gather(
            *(
                play(task, context.fork(), ctx, sampling=sampling, key=f"{task.id}/{self.name}/{i}")
                for i in range(self.n or ctx.samples)
            )
        )
