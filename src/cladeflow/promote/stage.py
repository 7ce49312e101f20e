"""The stage that ends a generation: gates decide, and the archive records what they decided."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from cladeflow.archive import ChampionMoved, Event
from cladeflow.promote.base import Gate
from cladeflow.promote.recheck import sentence
from cladeflow.promote.retest import retest, retests
from cladeflow.records import Agent, Decision, EvalReport, Rechecked
from cladeflow.stage import Stage, StageContext, build
from cladeflow.store import Commit
from cladeflow.strategy import Strategy
from cladeflow.telemetry import record_decision
from cladeflow.work import Output, Work


class Promote(Stage):
    """A child passes if every gate passes it; of those that pass, the largest gain wins.

    The winner is tested on the reserve where a gate has one, and a gate that waits for a person
    keeps it from being promoted here.
    """

    name: ClassVar[str] = "promote"

    def strategies(self, ctx: StageContext) -> list[Strategy]:
        gates = build(ctx.plan.resolved.recipe.promote)
        environments = build(ctx.plan.resolved.recipe.environments)
        return [*gates, *(environments if retests(gates_of(ctx)) else ())]

    def run(self, ctx: StageContext, key: str, work: Work) -> Output:
        decisions: list[Decision] = []
        passed: dict[int, float] = {}
        children = _children(ctx)
        for child, (_, report) in enumerate(children):
            decided = [g.decide(report, _tried(ctx, child)) for g in gates_of(ctx) if not g.waits]
            decisions += decided
            if all(decision.outcome == "pass" for decision in decided):
                passed[child] = _gain(report)
        winner = max(passed, key=lambda child: passed[child], default=None)
        further = (
            [] if winner is None else decide_further(ctx, *children[winner], _tried(ctx, winner))
        )
        won = winner is not None and all(decision.outcome == "pass" for decision in further)
        for decision in [*decisions, *further]:
            record_decision(work.metrics, decision)
        values: dict[str, Any] = {
            "winner": children[winner][0].id if winner is not None and won else None,
            "retested": retested_block(ctx, children[winner][0]) if winner is not None else {},
        }
        if (fell := _fell(ctx)) is not None:
            values["restored"] = fell.restored_id
        return Output(
            sets={"decisions": work.write_set("decisions", Decision, [*decisions, *further])},
            values=values,
        )

    def publish(self, ctx: StageContext, commit: Commit) -> None:
        """Record the children and their fate in the archive, in one transaction.

        With them goes the rollback of an incumbent that fell (`Recheck`); then no child won.

        Where the champion changed under the generation's feet, its winner was compared with the
        wrong agent: it is kept, but not promoted.
        """
        archive, winner = ctx.session.archive, commit.values["winner"]
        known = {event.key for event in archive.events(kinds=["promoted", "rejected"])}
        if known.issuperset(_decided(agent) for agent, _ in _children(ctx)):
            return
        try:
            archive.record([*_events(ctx, commit, winner), *_rollback(ctx, commit)])
        except ChampionMoved as moved:
            archive.record(_events(ctx, commit, None, why=str(moved)))


def gates_of(ctx: StageContext) -> list[Gate]:
    """The recipe's gates."""
    return [g for g in build(ctx.plan.resolved.recipe.promote) if isinstance(g, Gate)]


def _tried(ctx: StageContext, child: int) -> int:
    """Children tried since the last promotion, this one counted."""
    return ctx.plan.tried + child + 1


def decide_further(
    ctx: StageContext, agent: Agent, report: EvalReport, tried: int
) -> list[Decision]:
    """What the winner alone has to go through: re-tests, then the gates that wait for a person."""
    gates = gates_of(ctx)
    decisions = [retest(ctx, gate, reserve, agent, tried) for gate, reserve in retests(gates)]
    if all(decision.outcome == "pass" for decision in decisions):
        decisions += [gate.decide(report, tried) for gate in gates if gate.waits]
    return decisions


def retested_block(ctx: StageContext, winner: Agent) -> dict[str, int]:
    """The block of the reserve that was used on the winner; none where all were used before."""
    uses = max((reserve.uses for _, reserve in retests(gates_of(ctx))), default=0)
    return {winner.id: ctx.plan.reserve_used} if ctx.plan.reserve_used < uses else {}


def _events(ctx: StageContext, commit: Commit, winner: str | None, why: str = "") -> list[Event]:
    """All that happened to the generation's children."""
    decisions = list(ctx.session.read(commit.sets["decisions"], Decision))
    events: list[Event] = []
    for child, (agent, report, initial) in enumerate(_evaluated(ctx)):
        mine = [d for d in decisions if d.agent_id == agent.id]
        payload = {
            **_trials(report),
            "cells": _cells(ctx, child),
            "exploration": report.exploration,
            "score": _score(report),
        }
        if initial is not None:  # it has no event of its own
            payload["initial"] = {
                "agent_id": initial.agent_id,
                "exploration": initial.exploration,
                "score": _score(initial),
            }
        evaluated = Event(
            key=f"evaluated/{agent.id}", kind="evaluated", agent_id=agent.id, payload=payload
        )
        fate = _fate(agent, mine, winner, why, commit.values.get("retested", {}))
        events += [Event.added(agent, child), evaluated, fate]
    return events


def _fell(ctx: StageContext) -> Rechecked | None:
    """What was found of the incumbent, where it has to go."""
    found = (report.recheck for _, report in _children(ctx))
    return next((recheck for recheck in found if recheck and recheck.fell), None)


def _rollback(ctx: StageContext, commit: Commit) -> list[Event]:
    """The rollback that the commit decided on, if it did."""
    fell = _fell(ctx) if "restored" in commit.values else None
    if fell is None:
        return []
    incumbent = ctx.plan.incumbent.id
    rolled_back = Event(
        key=f"rolled_back/{incumbent}/generation {ctx.plan.generation}",
        kind="rolled_back",
        agent_id=fell.restored_id,
        incumbent_id=incumbent,
        why=f"recheck in generation {ctx.plan.generation}: {sentence(fell)}",
    )
    return [rolled_back]


def _decided(agent: Agent) -> str:
    """Key of the event that holds a child's fate."""
    return f"decided/{agent.id}"


def _fate(
    agent: Agent,
    decisions: Sequence[Decision],
    winner: str | None,
    why: str,
    retested: Mapping[str, int],
) -> Event:
    """Promotion of the winner, rejection of the others; ``why`` overrides the gates' reasons.

    The payload logs the block of the reserve that was used on the agent, if one was.
    """
    used = {"reserve": retested[agent.id]} if agent.id in retested else {}
    won = agent.id == winner
    return Event(
        key=_decided(agent),
        kind="promoted" if won else "rejected",
        agent_id=agent.id,
        incumbent_id=decisions[0].incumbent_id if won else None,
        payload={"gates": {d.gate: d.outcome for d in decisions}, **used},
        why=why or "; ".join(reason for d in decisions for reason in d.reasons),
    )


def _trials(report: EvalReport) -> dict[str, int]:
    """Held-out tasks solved and not solved at the first attempt."""
    rows = (r for r in report.rows if r.family == "all" and r.metric == "greedy")
    row = next(rows, None)
    ok = round(row.value * row.n) if row else 0
    return {"ok": ok, "fail": row.n - ok if row else 0}


def _score(report: EvalReport) -> dict[str, Any] | None:
    """The first measure over all tasks, which `Recheck` holds a champion to."""
    row = next((row for row in report.rows if row.family == "all"), None)
    return row.model_dump(mode="json") if row else None


def _cells(ctx: StageContext, child: int) -> dict[str, Any]:
    """Statistics of the child's training tasks, which the next plan reads."""
    commits = {call.child: c for call, c in ctx.inputs.items() if call.stage == "evaluate"}
    cells: dict[str, Any] = commits[child].values["cells"]
    return cells


def _evaluated(ctx: StageContext) -> list[tuple[Agent, EvalReport, EvalReport | None]]:
    """Every child with its report, and in the first generation the initial agent's."""
    found = []
    for commit in (c for call, c in ctx.inputs.items() if call.stage == "evaluate"):
        agent = next(ctx.session.read(commit.sets["agents"], Agent))
        report, *initial = ctx.session.read(commit.sets["reports"], EvalReport)
        found.append((agent, report, initial[0] if initial else None))
    return found


def _children(ctx: StageContext) -> list[tuple[Agent, EvalReport]]:
    """Every child with its report."""
    return [(agent, report) for agent, report, _ in _evaluated(ctx)]


def _gain(report: EvalReport) -> float:
    """The improvement in the report's first difference over all tasks."""
    return next((d.delta for d in report.deltas if d.family == "all"), 0.0)


STAGE = Promote()
