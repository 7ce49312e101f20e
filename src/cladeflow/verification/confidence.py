"""How probable a model itself finds what it wrote."""

from collections.abc import Sequence
from math import exp
from typing import ClassVar

from pydantic import Field

from cladeflow.records import Trajectory, Verdict
from cladeflow.verification.base import Group, Verification, VerifyContext, attempts


class Confidence(Verification, name="confidence", version=1):
    """s = 1/T Σ_t log π(y_t | x, y_<t) over the T tokens the agent wrote; value = exp(s).

    The value, in [0, 1], is the geometric mean of the token probabilities (one over perplexity);
    without ``normalise``, s is the sum and the value the probability of the whole text, which
    favours short ones (the self-reward of sharpening, Huang et al., arXiv:2412.01951). Natural
    logarithms as they were sampled, that is at the sampling temperature. ``ok`` is
    value >= ``threshold`` where there is one. Without log-probabilities the outcome is "error".
    """

    needs: ClassVar[frozenset[str]] = frozenset({"logp"})
    normalise: bool = True
    threshold: float | None = Field(default=None, ge=0, le=1)

    async def verify(self, groups: Sequence[Group], ctx: VerifyContext) -> list[Verdict]:
        return [self._verdict(trajectory, ctx) for _, trajectory in attempts(groups)]

    def _verdict(self, trajectory: Trajectory, ctx: VerifyContext) -> Verdict:
        logp = [p for step in trajectory.steps if step.role == "agent" for p in step.logp or ()]
        if not logp:
            note = "the trajectory has no log-probabilities"
            return self.verdict(trajectory, ctx, value=0.0, outcome="error", note=note)
        score = sum(logp) / (len(logp) if self.normalise else 1)
        value = exp(score)
        ok = None if self.threshold is None else value >= self.threshold
        return self.verdict(trajectory, ctx, value=value, ok=ok, parts={"logp": score})
