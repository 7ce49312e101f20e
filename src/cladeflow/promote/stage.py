"""The stage that ends a generation: gates decide, and the archive records what they decided."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from cladeflow.archive import ChampionMoved, Event
from cladeflow.evaluate.screen import SCREENED
from cladeflow.plan.model import CellStats
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
            decided = _decided_first(gates_of(ctx), report, _tried(ctx, child))
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


def _decided_first(gates: Sequence[Gate], report: EvalReport, tried: int) -> list[Decision]:
    """The word of the gates that wait for nobody; none passes who was evaluated no further."""
    if report.passed is False:
        return [gate.decision(report, tried, "fail", *report.reasons) for gate in gates]
    return [gate.decide(report, tried) for gate in gates if not gate.waits]


def _events(ctx: StageContext, commit: Commit, winner: str | None, why: str = "") -> list[Event]:
    """All that happened to the generation's children, the promotion last.

    What was tried against the incumbent comes before the incumbent goes, or the siblings would
    count among the children tried against the winner (`Archive.tried_since_promotion`).
    """
    decisions = list(ctx.session.read(commit.sets["decisions"], Decision))
    children = _evaluated(ctx)
    events = [_evaluation(initial) for *_, initial in children[:1] if initial is not None]
    fates = []
    for child, (agent, report, _) in enumerate(children):
        mine = [d for d in decisions if d.agent_id == agent.id]
        # What the children's tasks taught about the cells is one finding of the generation.
        taught = {"cells": _cells(ctx)} if child == 0 else {}
        events += [Event.added(agent, child), _evaluation(report, **taught)]
        fates.append(_fate(agent, mine, winner, why, commit.values.get("retested", {})))
    return [*events, *sorted(fates, key=lambda fate: fate.kind == "promoted")]


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


def _evaluation(report: EvalReport, **payload: Any) -> Event:
    """That the report's agent was evaluated: its trials, and what its exploration measured."""
    return Event(
        key=f"evaluated/{report.agent_id}",
        kind="evaluated",
        agent_id=report.agent_id,
        payload={
            **_trials(report),
            "exploration": report.exploration,
            "exploration_bounds": {
                name: bounds.model_dump() for name, bounds in report.exploration_bounds.items()
            },
            "score": _score(report),
            **payload,
        },
    )


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
        why=why or "; ".join(dict.fromkeys(reason for d in decisions for reason in d.reasons)),
    )


def _trials(report: EvalReport) -> dict[str, int]:
    """Held-out tasks solved and not solved at the first attempt, of those that were tried."""
    rows = (r for r in report.rows if r.family == "all" and r.metric in ("greedy", SCREENED))
    row = next(rows, None)
    ok = round(row.value * row.n) if row else 0
    return {"ok": ok, "fail": row.n - ok if row else 0}


def _score(report: EvalReport) -> dict[str, Any] | None:
    """The first measure over all tasks, which `Recheck` holds a champion to."""
    row = next((row for row in report.rows if row.family == "all"), None)
    return row.model_dump(mode="json") if row else None


def _cells(ctx: StageContext) -> dict[str, Any]:
    """Statistics of the training tasks of all children, which the next plan reads."""
    found: dict[str, list[CellStats]] = {}
    for commit in (c for call, c in ctx.inputs.items() if call.stage == "evaluate"):
        for cell, stats in commit.values["cells"].items():
            found.setdefault(cell, []).append(CellStats.model_validate(stats))
    return {cell: _pooled(stats).model_dump() for cell, stats in sorted(found.items())}


def _pooled(stats: Sequence[CellStats]) -> CellStats:
    n = sum(one.n for one in stats)
    return CellStats(n=n, mean=round(sum(one.n * one.mean for one in stats) / n, 6))


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
