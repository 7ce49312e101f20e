"""What the environment itself lets the agent know."""

from typing import TYPE_CHECKING

from cladeflow.critique.base import Critic, first_error_critique
from cladeflow.records import Critique, Evidence, Task, Trajectory

if TYPE_CHECKING:
    from cladeflow.rollout.episode import EpisodeContext


class EnvFeedback(Critic, name="env_feedback", version=2):
    """Turns what tools and checkers said into a critique, without a model.

    With tools, an attempt is wrong from the first call that was refused on, and right if none was:
    tools do not know the answer. Without, the check decides: first wrong step, or the last one
    where the answer is wrong or missing though no step is. Source: tool and test feedback as in
    Re-ReST (Dou et al., arXiv:2406.01495). None where the check failed or was killed.
    """

    async def critique(
        self, task: Task, trajectory: Trajectory, ctx: "EpisodeContext"
    ) -> Critique | None:
        if task.tools:
            return _from_tools(task, trajectory, ctx.gen)
        verdict = await ctx.verify(task, trajectory.steps)
        if verdict.outcome != "checked":
            return None
        first_error = int(verdict.parts.get("first_error", -1))
        if not verdict.ok and first_error < 0:
            first_error = max(len(trajectory.steps) - 1, 0)
        return first_error_critique(
            trajectory,
            first_error,
            gen=ctx.gen,
            author=task.checker,
            source="env",
            working=ctx.env.working(task, trajectory.steps),
        )


def _from_tools(task: Task, trajectory: Trajectory, gen: int) -> Critique:
    """Evidence is what each refused call was told."""
    steps = trajectory.steps
    refused = [i for i, step in enumerate(steps) if step.call is not None and not step.call.ok]
    told = [steps[i + 1] for i in refused if i + 1 < len(steps) and steps[i + 1].kind == "observe"]
    return first_error_critique(
        trajectory,
        refused[0] if refused else -1,
        gen=gen,
        author=task.env,
        source="env",
        evidence=tuple(Evidence(text=step.text, ref=f"step {step.i}") for step in told),
    )
