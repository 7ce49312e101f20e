"""The incumbent and who would take over from it, on tasks that no generation has seen before."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from cladeflow.errors import CladeflowError
from cladeflow.evaluate.base import EvalContext, Evaluation, Setting
from cladeflow.evaluate.scores import ALL
from cladeflow.evaluate.suite import Suite, SuiteResult
from cladeflow.records import Agent, Rechecked, digest
from cladeflow.stage import StageContext

Attempt = Callable[[Agent, Sequence[Suite]], Mapping[str, SuiteResult]]
"""Evaluates an agent on suites."""


def rechecked(
    ctx: StageContext, evaluations: Sequence[Evaluation], setting: Setting, attempt: Attempt
) -> Rechecked | None:
    """What the re-evaluation finds; None where the plan asks for none.

    Only the recipe's first evaluation that runs suites is run, with tasks drawn anew for this
    generation from the same split and levels.
    """
    standing = ctx.plan.standing
    if standing is None:
        return None
    fresh = replace(setting, seed=_seed(ctx))
    evaluation = next(e for e in evaluations if e.suites(fresh))
    suites = evaluation.suites(fresh)
    context = EvalContext(
        setting=fresh,
        subject=attempt(ctx.plan.incumbent, suites),
        baseline=attempt(standing.restored, suites),
        trajectories=(),
        verdicts=(),
        confidence=0.95,
        key=f"{ctx.plan.seed}/recheck/{digest([s.hash for s in suites])}",
    )
    parts, promised = evaluation.report(context), standing.promised
    at = (promised.suite, ALL, promised.metric)
    row = next((r for r in parts.rows if (r.suite, r.family, r.metric) == at), None)
    delta = next((d for d in parts.deltas if (d.suite, d.family, d.metric) == at), None)
    if row is None or delta is None:
        raise CladeflowError(
            f"recheck: {evaluation.name} gives no {promised.suite}/{promised.metric} of this "
            "agent; put benchmark_suite first in the recipe's evaluate"
        )
    return Rechecked(promised=promised, now=row, restored_id=standing.restored.id, delta=delta)


def _seed(ctx: StageContext) -> int:
    """Root seed of the generation's fresh tasks."""
    return int(digest([ctx.plan.seed, "recheck", ctx.plan.generation])[:8], 16)
