"""What a critique was worth: how much better the attempt is that followed it."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import ClassVar, NamedTuple

from cladeflow.records import Critique, Target, Task, Trajectory, Verdict, Verifier
from cladeflow.verification.base import Group, Verification, VerifyContext


class RefinementGain(Verification, name="refinement_gain", version=1):
    """g(c) = mean_i R(y'_i) - R(y), y'_i ~ pi(. | x, y, c) the attempts that continue y after c.

    R is the environment's check, in [0, 1], so g is in [-1, 1]. Without ``relative``,
    g(c) = mean_i R(y'_i): what an accepted right attempt is worth too, so that a critic can learn
    when to accept. A critique that accepts y leaves it as it is: y' = y. One that nothing followed
    has no verdict. ``ok`` is g > 0; parts are R(y) (``before``) and mean R(y') (``after``), ``n``
    counts the y'. The verdicts' targets are critiques. Source: the filter of critiques by what
    they led to (MathCritique, Xi et al. 2024, arXiv:2411.16579).
    """

    needs: ClassVar[frozenset[str]] = frozenset({"critique", "chain"})
    gives: ClassVar[frozenset[str]] = frozenset({"verdict:critiques"})
    relative: bool = True

    async def verify(self, groups: Sequence[Group], ctx: VerifyContext) -> list[Verdict]:
        cases = [case for group in groups for case in _cases(group)]
        involved = {t.id: (case.task, t) for case in cases for t in (case.before, *case.after)}
        checked = await ctx.check([(task, t.steps) for task, t in involved.values()])
        found = dict(zip(involved, checked, strict=True))
        return [self._verdict(case, found, ctx) for case in cases]

    def _verdict(self, case: "_Case", found: Mapping[str, Verdict], ctx: VerifyContext) -> Verdict:
        target, by = Target(kind="critique", id=case.critique.id), Verifier(strategy=self.name)
        failed = [v for t in (case.before, *case.after) if (v := found[t.id]).outcome != "checked"]
        if failed:
            return Verdict(
                gen=ctx.gen,
                target=target,
                value=0.0,
                by=by,
                outcome=failed[0].outcome,
                note=failed[0].note,
            )
        before, after = found[case.before.id].value, fmean(found[t.id].value for t in case.after)
        gain = after - before if self.relative else after
        return Verdict(
            gen=ctx.gen,
            target=target,
            value=gain,
            ok=gain > 0,
            parts={"before": before, "after": after},
            by=by,
            n=len(case.after),
        )


class _Case(NamedTuple):
    """A critique, the attempt that it is about, and those that it led to."""

    task: Task
    critique: Critique
    before: Trajectory
    after: Sequence[Trajectory]


def _cases(group: Group) -> Iterator[_Case]:
    refined: dict[str, list[Trajectory]] = {}
    for trajectory in group.trajectories:
        for parent in trajectory.parents:
            refined.setdefault(parent.traj_id, []).append(trajectory)
    for trajectory in (*group.earlier, *group.trajectories):
        for critique in group.critiques.get(trajectory.id, ()):
            after = [trajectory] if critique.ok else refined.get(trajectory.id, [])
            if after:
                yield _Case(group.task, critique, trajectory, after)
