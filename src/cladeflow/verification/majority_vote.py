"""Agreement among the samples of a prompt, in place of a gold answer."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from cladeflow.records import Critique, Trajectory, Verdict
from cladeflow.verification.base import Group, Verification, VerifyContext


class MajorityVote(Verification, name="majority_vote", version=1):
    """y = argmax_a Σ_i w_i 1[a_i = a], r_i = 1[a_i = y].

    Self-consistency (Wang et al., arXiv:2203.11171) as a reward (TTRL, Zuo et al.,
    arXiv:2504.16084). Weights: ``equal``, w_i = 1; ``critique``, w_i = the share of the critiques
    of attempt i that accept it, 1 where nobody said. An attempt without an answer does not vote
    and gets 0. Where two answers tie there is no majority, and nobody gets a reward: better no
    signal than a coin's. Part ``share`` is w(a_i) / Σ w, the consensus that answer i has.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"group"})
    weights: Literal["equal", "critique"] = "equal"

    def required(self) -> frozenset[str]:
        return self.needs | ({"critique"} if self.weights == "critique" else frozenset())

    async def verify(self, groups: Sequence[Group], ctx: VerifyContext) -> list[Verdict]:
        return [verdict for group in groups for verdict in self._vote(group, ctx)]

    def _vote(self, group: Group, ctx: VerifyContext) -> list[Verdict]:
        votes: dict[str | None, float] = defaultdict(float)
        for trajectory in group.trajectories:
            if trajectory.answer is not None:
                votes[str(trajectory.answer)] += self._weight(trajectory, group.critiques)
        total, elected = sum(votes.values()), majority(votes)
        verdicts = []
        for trajectory in group.trajectories:
            answer = None if trajectory.answer is None else str(trajectory.answer)
            won = answer is not None and answer == elected
            share = votes.get(answer, 0.0) / total if total else 0.0
            verdicts.append(
                self.verdict(
                    trajectory,
                    ctx,
                    value=float(won),
                    ok=won,
                    parts={"share": share},
                    n=len(group.trajectories),
                    note="" if elected else "no majority",
                )
            )
        return verdicts

    def _weight(self, trajectory: Trajectory, critiques: Mapping[str, Sequence[Critique]]) -> float:
        said = [c.ok for c in critiques.get(trajectory.id, ()) if c.ok is not None]
        if self.weights == "equal" or not said:
            return 1.0
        return sum(said) / len(said)


def majority(votes: Mapping[str | None, float]) -> str | None:
    """The answer with the greatest weight, or None where there is none or more than one."""
    most = max(votes.values(), default=0.0)
    leaders = [answer for answer, weight in votes.items() if weight == most > 0]
    return leaders[0] if len(leaders) == 1 else None
