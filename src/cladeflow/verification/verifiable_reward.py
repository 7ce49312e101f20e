"""The environment's exact check as reward."""

from collections.abc import Sequence

from cladeflow.records import Trajectory, Verdict
from cladeflow.verification.base import Group, Verification, VerifyContext, attempts


class VerifiableReward(Verification, name="verifiable_reward", version=1):
    """r = check(task, τ) in [0, 1]: answer match, tests, goal state, judge-label match (RLVR).

    With ``steps``, r = answer · 1[first_error = -1]: a right answer counts only if no step before
    it is wrong, which keeps lucky guesses out of the training set (process supervision, Uesato et
    al., arXiv:2211.14275). ``ok`` is r >= 1. Attempts whose check failed or was killed keep that
    outcome and have no reward.
    """

    steps: bool = False

    def required(self) -> frozenset[str]:
        return frozenset({"steps"}) if self.steps else frozenset()

    async def verify(self, groups: Sequence[Group], ctx: VerifyContext) -> list[Verdict]:
        judged = list(attempts(groups))
        found = await ctx.check([(task, trajectory.steps) for task, trajectory in judged])
        return [
            self._verdict(trajectory, verdict, ctx)
            for (_, trajectory), verdict in zip(judged, found, strict=True)
        ]

    def _verdict(self, trajectory: Trajectory, found: Verdict, ctx: VerifyContext) -> Verdict:
        checked = found.outcome == "checked"
        reward = self._reward(found) if checked else 0.0
        return self.verdict(
            trajectory,
            ctx,
            value=reward,
            ok=reward >= 1 if checked else None,
            parts=found.parts,
            outcome=found.outcome,
            note=found.note,
        )

    def _reward(self, found: Verdict) -> float:
        if self.steps and found.parts["first_error"] >= 0:
            return 0.0
        return found.value
