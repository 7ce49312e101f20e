"""A model reads an attempt and says whether, and where, it goes wrong."""

from typing import TYPE_CHECKING

from pydantic import Field

from cladeflow.critique.base import Critic, first_error_critique
from cladeflow.environments.judgement import split_judgement
from cladeflow.models.engine import Sampling
from cladeflow.records import Critique, Task, Trajectory
from cladeflow.records.critique import CritiqueSource

if TYPE_CHECKING:
    from cladeflow.rollout.episode import EpisodeContext

_SOURCES: dict[str, CritiqueSource] = {"actor": "self", "self": "self", "teacher": "teacher"}
"""What a role is to the attempt's author; any other role is a critic."""


class LlmCritique(Critic, name="llm_critique", version=3):
    """c ~ M(· | x, y): the model of ``role`` says ``ok`` or ``err k``, k the first wrong line.

    Self, trained critic and teacher are bindings of the role, not strategies. The model may work
    first: its last line counts, and one that is neither is no critique. Source: step-level
    critique models (MathCritique, Xi et al., arXiv:2411.16579).
    """

    role: str = "critic"
    temperature: float = Field(default=0.0, ge=0)
    max_tokens: int | None = Field(default=None, gt=0)
    """By default as many as an attempt may take."""

    def required(self) -> frozenset[str]:
        return frozenset({f"role:{self.role}"})

    async def critique(
        self, task: Task, trajectory: Trajectory, ctx: "EpisodeContext"
    ) -> Critique | None:
        context = ctx.ask(ctx.env.judge_prompt(task, trajectory.steps), self.role)
        model = ctx.model(self.role)
        sampling = Sampling(
            temperature=self.temperature,
            max_tokens=self.max_tokens or ctx.sampling.max_tokens,
            stop=ctx.env.stop,
        )
        key = f"{trajectory.id}/{self.name}"
        completion = (await model.generate(context, sampling=sampling, key=key))[0]
        first_error = ctx.env.judgement(completion.text)
        if first_error is None:
            return None
        source = _SOURCES.get(self.role, "critic")
        return first_error_critique(
            trajectory,
            first_error,
            gen=ctx.gen,
            author=model.digest,
            source=source,
            working=split_judgement(completion.text)[0],
        )
