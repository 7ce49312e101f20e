"""Two agents compared outside of a generation, as its own stages would compare them."""

from typing import NamedTuple

from cladeflow.archive.archive import Archive
from cladeflow.evaluate.stage import compared
from cladeflow.graph import Node, StageCall, plan_call
from cladeflow.plan.model import Plan
from cladeflow.plan.stage import reserve_used
from cladeflow.promote.stage import decide_further, gates_of, retested_block
from cladeflow.recipes.model import Resolved
from cladeflow.records import Agent, Decision, EvalReport
from cladeflow.redo import evaluations_redone
from cladeflow.session import Session
from cladeflow.stage import StageContext
from cladeflow.store import Commit
from cladeflow.visit import Visit


class Judgement(NamedTuple):
    """What the gates made of an agent, and the block of the reserve that this took, if any."""

    decisions: tuple[Decision, ...]
    block: int | None


def compare(session: Session, agent: Agent, baseline: Agent) -> EvalReport:
    """The report on ``agent`` against ``baseline`` on the recipe's suites.

    Evaluations that were committed before are read, those that are missing are made.
    """
    used = reserve_used(session.archive)
    return compared(_context(session, agent, baseline, 1, used), agent, baseline)


def judge(
    session: Session, agent: Agent, incumbent: Agent, tried: int, block: int | None
) -> Judgement:
    """What every gate of the recipe makes of ``agent``, re-test and all.

    ``tried`` counts this test among those since the last promotion, and widens the intervals. A
    test that is repeated takes the ``block`` of the reserve that it took before, any other one the
    first that is neither used nor kept for the generation under way.
    """
    used = _next_block(session) if block is None else block
    ctx = _context(session, agent, incumbent, tried, used)
    report = compared(ctx, agent, incumbent)
    decisions = [gate.decide(report, tried) for gate in gates_of(ctx) if not gate.waits]
    if any(decision.outcome != "pass" for decision in decisions):
        return Judgement(tuple(decisions), None)
    decisions += decide_further(ctx, agent, report, tried)
    return Judgement(tuple(decisions), retested_block(ctx, agent).get(agent.id))


def _next_block(session: Session) -> int:
    begun = Visit(session).begun()
    return max(reserve_used(session.archive), begun.reserve_used + 1 if begun else 0)


def _context(
    session: Session, agent: Agent, baseline: Agent, tried: int, used: int
) -> StageContext:
    """What an evaluation may see, had a generation of its own made ``agent``."""
    plan = _plan(session.archive, agent, baseline, tried, used)
    at = plan_call(plan.generation)
    committed = Commit(stage="plan", input_hash="", values={"plan": plan.model_dump(mode="json")})
    call = StageCall(generation=plan.generation, child=0, stage="evaluate")
    return StageContext(session, Node(call, (at,)), {at: committed})


def _plan(archive: Archive, agent: Agent, baseline: Agent, tried: int, used: int) -> Plan:
    evolution = archive.evolution
    initial = archive.agent("initial").agent
    return Plan(
        evolution=evolution.id,
        generation=agent.gen,
        seed=evolution.seed,
        resolved=Resolved.model_validate(evolution.resolved),
        parents=(agent,),
        incumbent=baseline,
        initial=initial,
        previous=initial,
        event_id=archive.event_id(),
        reserve_used=used,
        tried=tried - 1,
        redone=evaluations_redone(archive, archive.generations() + 1),
    )
