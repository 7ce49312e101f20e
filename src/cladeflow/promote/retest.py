"""The re-test of a winner on tasks of the reserve split, which no agent has met before."""

from collections.abc import Sequence

from cladeflow.evaluate.base import EvalContext, Evaluation, evaluation_report
from cladeflow.evaluate.stage import evaluated, posed, read_result, setting
from cladeflow.evaluate.suite import Suite
from cladeflow.promote.base import Gate, RetestingGate
from cladeflow.promote.reserve import Reserve
from cladeflow.records import Agent, Decision, EvalReport, digest
from cladeflow.stage import StageContext, build


def retests(gates: Sequence[Gate]) -> list[tuple[RetestingGate, Reserve]]:
    """The gates that test a winner once more, each with its reserve."""
    able = (gate for gate in gates if isinstance(gate, RetestingGate))
    return [(gate, gate.reserve) for gate in able if gate.reserve is not None]


def reserve_suites(ctx: StageContext) -> list[Suite]:
    """Every block of every reserve: what may not be trained on; none where no gate has one."""
    gates = [gate for gate in build(ctx.plan.resolved.recipe.promote) if isinstance(gate, Gate)]
    return [
        suite
        for gate, reserve in retests(gates)
        for block in range(reserve.uses)
        for suite in _suites(ctx, gate, reserve, block)
    ]


def retest(
    ctx: StageContext, gate: RetestingGate, reserve: Reserve, agent: Agent, tried: int
) -> Decision:
    """The gate's decision on ``agent`` and the incumbent on the reserve's next block.

    Inconclusive where every block was used before this generation, or its cells hold no task.
    """
    block = ctx.plan.reserve_used
    if block >= reserve.uses:
        spent = (
            f"the reserve is spent: all of its {reserve.uses} blocks were used; no child passes,"
            " but 'cladeflow promote AGENT --override REASON' puts one in charge"
        )
        return gate.decision(_nothing(ctx, agent), tried, "inconclusive", spent)
    suites = [s for s in _suites(ctx, gate, reserve, block) if posed(ctx, s)]
    if not suites:
        empty = (
            f"block {block + 1} of {reserve.uses} of the reserve holds no task; ask for fewer uses"
        )
        return gate.decision(_nothing(ctx, agent), tried, "inconclusive", empty)
    decision = gate.decide_again(_report(ctx, gate, reserve, suites, agent), reserve, tried)
    used = f"block {block + 1} of {reserve.uses} of the reserve was used"
    return decision.model_copy(update={"reasons": (*decision.reasons, used)})


def _report(
    ctx: StageContext, gate: Gate, reserve: Reserve, suites: Sequence[Suite], agent: Agent
) -> EvalReport:
    """Child and incumbent on a block, through the commits that hold every evaluation."""
    incumbent = ctx.plan.incumbent
    child, before = (
        {s.name: read_result(ctx.session, s, evaluated(ctx, one, s)) for s in suites}
        for one in (agent, incumbent)
    )
    used = {suite.env for suite in suites}
    context = EvalContext(
        setting=setting(ctx, used),
        subject=child,
        baseline=before,
        trajectories=(),
        verdicts=(),
        confidence=reserve.confidence,
        key=f"{ctx.plan.seed}/reserve/{digest([s.hash for s in suites])}",
    )
    return evaluation_report(
        [_evaluation(ctx, gate)],
        context,
        agent_id=agent.id,
        baseline_id=incumbent.id,
        identical=agent.behaviour == incumbent.behaviour,
        gen=ctx.call.generation,
    )


def _nothing(ctx: StageContext, agent: Agent) -> EvalReport:
    """A report that says whom it would have compared."""
    return EvalReport(
        gen=ctx.call.generation,
        agent_id=agent.id,
        baseline_id=ctx.plan.incumbent.id,
        suite="",
        seeds=(ctx.plan.seed,),
    )


def _suites(ctx: StageContext, gate: Gate, reserve: Reserve, block: int) -> list[Suite]:
    """The suites of the evaluation that the gate decides by, on one block."""
    return [
        suite.on_reserve(reserve.tasks, block, reserve.uses)
        for suite in _evaluation(ctx, gate).suites(setting(ctx))
    ]


def _evaluation(ctx: StageContext, gate: Gate) -> Evaluation:
    """What measures the difference that the gate decides on; `check_fit` has seen that it is."""
    wanted = {need for need in gate.required() if need.startswith("delta:")}
    found = [e for e in build(ctx.plan.resolved.recipe.evaluate) if isinstance(e, Evaluation)]
    return next(e for e in found if wanted & e.provided())
