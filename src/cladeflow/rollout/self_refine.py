"""Attempts that are criticised and revised."""

from typing import ClassVar, Literal

from pydantic import Field

from cladeflow.models.engine import Sampling
from cladeflow.records import Critique, Parent, Task, Trajectory
from cladeflow.rollout.base import Rollout
from cladeflow.rollout.episode import EpisodeContext
from cladeflow.rollout.play import play


class SelfRefine(Rollout, name="self_refine", version=1):
    """y_0 ~ pi(. | x); c_k = critic(x, y_k); y_{k+1} ~ pi(. | x, y_k, c_k), for n chains.

    Unset options are the run's. A chain ends at the first critique that says ok or says nothing,
    or after ``max_attempts`` attempts. Every attempt is a trajectory whose parent is the one before
    it, at the step that the critique found wrong first. Source: Madaan et al. 2023, Self-Refine,
    arXiv:2303.17651.

    With ``start: failures``, y_0 is no new sample but an attempt of an earlier pass that was found
    wrong: at most n of a task's are taken up, and none of a task that has none (the refinement of
    failures alone, MathCritique, Xi et al. 2024, arXiv:2411.16579).
    """

    needs: ClassVar[frozenset[str]] = frozenset({"critique"})
    gives: ClassVar[frozenset[str]] = frozenset({"chain", "group", "logp"})

    n: int | None = Field(default=None, ge=1)
    max_attempts: int = Field(default=2, ge=1)
    temperature: float | None = Field(default=None, ge=0)
    start: Literal["failures"] | None = None

    def required(self) -> frozenset[str]:
        return self.needs | ({"earlier"} if self.start else frozenset())

    def provided(self) -> frozenset[str]:
        return self.gives - {"group"} if self.n == 1 else self.gives

    async def episode(self, task: Task, ctx: EpisodeContext) -> list[Trajectory]:
        n = self.n or ctx.samples
        starts = ctx.failures.get(task.id, ())[:n] if self.start else (None,) * n
        chains = await ctx.gather(*(self._chain(task, ctx, i, y) for i, y in enumerate(starts)))
        return [trajectory for chain in chains for trajectory in chain]

    async def _chain(
        self, task: Task, ctx: EpisodeContext, sample: int, start: Trajectory | None
    ) -> list[Trajectory]:
        """The attempts made; one that the chain only starts from is not among them."""
        first = start or await self._attempt(task, ctx, ctx.env.render(task.prompt), sample, 0, ())
        chain = [first]
        while len(chain) < self.max_attempts:
            last = chain[-1]
            critique = await ctx.critic(task, last)
            if critique is None or critique.ok:
                break
            text = ctx.env.revise_prompt(task, last.steps, critique.advice)
            parents = (Parent(traj_id=last.id, step_i=_revised_from(last, critique)),)
            chain.append(await self._attempt(task, ctx, text, sample, len(chain), parents))
        return chain[1:] if start else chain

    async def _attempt(
        self,
        task: Task,
        ctx: EpisodeContext,
        text: str,
        sample: int,
        attempt: int,
        parents: tuple[Parent, ...],
    ) -> Trajectory:
        sampling = self._sampling(ctx)
        key = f"{task.id}/{self.name}/{sample}/{attempt}"
        played = await play(task, ctx.ask(text), ctx, sampling=sampling, key=key)
        return ctx.trajectory(
            task,
            played.context,
            strategy=self,
            sampling=sampling,
            sample=sample,
            attempt=attempt,
            parents=parents,
            truncated=played.truncated,
        )

    def _sampling(self, ctx: EpisodeContext) -> Sampling:
        if self.temperature is None:
            return ctx.sampling
        return ctx.sampling.model_copy(update={"temperature": self.temperature})


def _revised_from(trajectory: Trajectory, critique: Critique) -> int:
    """The first step marked wrong, else the last one."""
    return len(trajectory.steps) - 1 if critique.first_error is None else critique.first_error
