"""The stage that runs child and incumbent on the held-out suites and reports on both."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from cladeflow.critique import LlmCritique
from cladeflow.evaluate.base import (
    EvalContext,
    Evaluation,
    Setting,
    declared_suites,
    evaluation_report,
)
from cladeflow.evaluate.exploration_monitor import ExplorationMonitor
from cladeflow.evaluate.recheck import rechecked
from cladeflow.evaluate.suite import Suite, SuiteResult, correctness
from cladeflow.plan.control import Control
from cladeflow.plan.model import CellStats
from cladeflow.promote.base import Gate
from cladeflow.records import DEMONSTRATION, Agent, EvalReport, Task, Trajectory, Verdict, digest
from cladeflow.rollout import Rollout, SelfRefine
from cladeflow.rollout.run import Setup, attempt, inference_strategies, judge
from cladeflow.rollout.stage import count_generated
from cladeflow.sandbox.gold import GoldStore
from cladeflow.session import Session
from cladeflow.stage import Stage, StageContext, build
from cladeflow.store import Commit, read_commit
from cladeflow.strategy import Strategy
from cladeflow.telemetry import (
    read_metrics,
    record_exploration,
    record_outcomes,
    record_report,
)
from cladeflow.work import Output, Share, Work, gather, once, run_shards


class Evaluate(Stage):
    """Every evaluation lives at ``evals/<agent>/<suite>``: no agent is run twice on a suite.

    Unless a person has it done again; from then on every agent that is compared is run again.
    """

    name: ClassVar[str] = "evaluate"

    def strategies(self, ctx: StageContext) -> list[Strategy]:
        return [*build(ctx.plan.resolved.recipe.environments), *_evaluations(ctx)]

    def identity(self, ctx: StageContext) -> dict[str, Any]:
        gates = [gate.identity() for gate in build(ctx.plan.resolved.recipe.promote)]
        return {"engine": [ctx.scale.engine, ctx.scale.dtype], "gates": gates}

    def run(self, ctx: StageContext, key: str, work: Work) -> Output:
        child, incumbent = ctx.agent, ctx.plan.incumbent
        made = ctx.records("trajectories", Trajectory)
        trajectories = [t for t in made if t.agent_id != DEMONSTRATION]
        verdicts = ctx.records("verdicts", Verdict)
        report = _stopped(ctx, child) or compared(
            ctx, child, incumbent, trajectories, verdicts, ctx.plan.incumbent_exploration
        )
        again = rechecked(ctx, _evaluations(ctx), setting(ctx), partial(_results, ctx))
        reports = [report.model_copy(update={"recheck": again})]
        if ctx.plan.generation == 1:  # whoever came after it was reported on as a child
            reports.append(compared(ctx, incumbent, incumbent))
        explored = report.exploration or ExplorationMonitor().measure(trajectories, verdicts)
        record_exploration(work.metrics, explored)
        record_report(work.metrics, reports[0])
        return Output(
            sets={
                "agents": work.write_set("agents", Agent, [child]),
                "reports": work.write_set("reports", EvalReport, reports),
            },
            values={"cells": _cells(ctx.records("tasks", Task), trajectories, verdicts)},
        )

    def share(self, ctx: StageContext, key: str, share: Share) -> None:
        agents = [ctx.plan.incumbent, *([] if _stopped(ctx, ctx.agent) else [ctx.agent])]
        for agent in {a.behaviour: a for a in agents}.values():
            for suite in held_out_suites(ctx):
                if read_commit(ctx.store, evaluation_key(ctx, agent, suite)) is None:
                    _shards(ctx, agent, suite, share)


def compared(
    ctx: StageContext,
    agent: Agent,
    baseline: Agent,
    trajectories: Sequence[Trajectory] = (),
    verdicts: Sequence[Verdict] = (),
    explored: Mapping[str, float] | None = None,
) -> EvalReport:
    """The report on an agent against another one, both evaluated now where they were not before.

    ``explored`` is what was measured of the baseline's exploration, where that is known.
    """
    suites = held_out_suites(ctx)
    context = EvalContext(
        setting=setting(ctx),
        subject=_results(ctx, agent, suites),
        baseline=_results(ctx, baseline, suites),
        trajectories=trajectories,
        verdicts=verdicts,
        confidence=_confidence(ctx),
        key=_report_key(ctx, suites),
    )
    return _report(ctx, _evaluations(ctx), context, agent, baseline, explored)


def _stopped(ctx: StageContext, child: Agent) -> EvalReport | None:
    """The report on a child that falls short in a cheap stage, and is evaluated no further."""
    for screen in (screen for one in _evaluations(ctx) for screen in one.screens()):
        suites = screen.suites(setting(ctx))
        results = _results(ctx, child, suites)
        if reason := screen.shortfall(results):
            key = _report_key(ctx, suites)
            context = EvalContext(setting(ctx), results, {}, (), (), _confidence(ctx), key)
            report = _report(ctx, [screen], context, child, ctx.plan.incumbent)
            return report.model_copy(update={"passed": False, "reasons": (reason,)})
    return None


def _report_key(ctx: StageContext, suites: Sequence[Suite]) -> str:
    return f"{ctx.plan.seed}/report/{digest([s.hash for s in suites])}"


def _report(
    ctx: StageContext,
    evaluations: Sequence[Evaluation],
    context: EvalContext,
    agent: Agent,
    baseline: Agent,
    explored: Mapping[str, float] | None = None,
) -> EvalReport:
    return evaluation_report(
        evaluations,
        context,
        agent_id=agent.id,
        baseline_id=baseline.id,
        identical=agent.behaviour == baseline.behaviour,
        gen=ctx.call.generation,
        baseline_exploration=explored,
    )


def _results(ctx: StageContext, agent: Agent, suites: Sequence[Suite]) -> dict[str, SuiteResult]:
    return {s.name: read_result(ctx.session, s, evaluated(ctx, agent, s)) for s in suites}


def _confidence(ctx: StageContext) -> float:
    """What the strictest gate asks of the intervals, given the children tried before this one."""
    gates = [g for g in build(ctx.plan.resolved.recipe.promote) if isinstance(g, Gate)]
    tried = ctx.plan.tried + (ctx.call.child or 0) + 1
    return max(gate.interval_confidence(tried) for gate in gates)


def held_out_suites(ctx: StageContext) -> list[Suite]:
    """Every suite that the recipe's evaluations run."""
    return declared_suites(_evaluations(ctx), setting(ctx))


def _evaluations(ctx: StageContext) -> list[Evaluation]:
    """What the recipe measures, and what its control needs measured."""
    recipe = ctx.plan.resolved.recipe
    control = recipe.control.build()
    probe = control.probe() if isinstance(control, Control) else None
    found = [s for s in build(recipe.evaluate) if isinstance(s, Evaluation)]
    return [*found, probe] if probe else found


def setting(ctx: StageContext, names: Collection[str] | None = None) -> Setting:
    """What suites depend on besides options, with all environments or those of ``names``."""
    found = [e for name, e in ctx.environments.items() if names is None or name in names]
    return Setting(found, ctx.scale.max_tokens, ctx.plan.seed)


def evaluated(ctx: StageContext, agent: Agent, suite: Suite) -> Commit:
    """The commit of an agent's attempts at a suite: made earlier, or now."""
    key = evaluation_key(ctx, agent, suite)
    how = key.rpartition("/")[2]
    return once(
        ctx.session, key, "evaluation", how, lambda work: _evaluate(ctx, agent, suite, work)
    )


def evaluation_key(ctx: StageContext, agent: Agent, suite: Suite) -> str:
    """Where an agent's attempts at a suite are committed: elsewhere each time they are redone."""
    ways = [*_ways(agent, suite), *_critics(suite)]
    inference = [strategy.identity() for strategy in ways]
    redone = ctx.plan.redone + ctx.call.redo
    by = [inference, ctx.scale.engine, ctx.scale.dtype, *([redone] if redone else [])]
    how = digest([suite.hash, *by])
    return f"evals/{agent.behaviour}/{how}"


def read_result(session: Session, suite: Suite, commit: Commit) -> SuiteResult:
    """The attempts that an evaluation committed."""
    return SuiteResult.from_records(
        suite,
        list(session.read(commit.sets["tasks"], Task)),
        list(session.read(commit.sets["trajectories"], Trajectory)),
        list(session.read(commit.sets["verdicts"], Verdict)),
    )


def _evaluate(ctx: StageContext, agent: Agent, suite: Suite, work: Work) -> Output:
    shards = _shards(ctx, agent, suite)
    for shard in shards:
        work.metrics.merge(read_metrics(ctx.store, shard.metrics))
    return Output(sets=gather(shards))


def _shards(
    ctx: StageContext, agent: Agent, suite: Suite, share: Share | None = None
) -> list[Commit]:
    return run_shards(
        ctx.session,
        evaluation_key(ctx, agent, suite),
        "evaluation",
        posed(ctx, suite),
        ctx.scale.shard,
        lambda tasks, mine: _attempt(ctx, agent, suite, tasks, mine),
        what=f"{ctx.call} {suite.name}",
        share=share,
    )


def posed(ctx: StageContext, suite: Suite) -> list[Task]:
    """A suite's tasks, posed once a process; their golds are in the gold store."""
    return ctx.session.recall(f"posed/{suite.questions}", lambda: _pose(ctx, suite))


def _pose(ctx: StageContext, suite: Suite) -> list[Task]:
    """The suite's tasks, their golds put away."""
    posed = suite.pose(ctx.environments[suite.env])
    GoldStore(ctx.session.home.gold).add(p.gold for p in posed)
    return [p.task for p in posed]


def _attempt(
    ctx: StageContext, agent: Agent, suite: Suite, tasks: Sequence[Task], work: Work
) -> Output:
    """Attempt the tasks with the agent's own scaffold, then judge what it did."""
    actor = agent.weights.get(suite.role, agent.weights["actor"])
    critics = _critics(suite)
    setup = Setup(
        agent=agent,
        refs={**{critic.role: actor for critic in critics}, **agent.weights, "actor": actor},
        critics=critics,
        scale=ctx.scale,
        key=f"{suite.seed}/{suite.hash}",
        temperature=suite.temperature,
        max_tokens=suite.max_tokens,
        samples=suite.samples,
        evaluation=True,
    )
    checker = ctx.session.checker  # gets ready while the model is loaded
    attempts = attempt(ctx.session, setup, _ways(agent, suite), ctx.environments, tasks)
    made = attempts.trajectories
    verdicts = judge(checker, tasks, made)
    count_generated(work, attempts)
    record_outcomes(work.metrics, verdicts)
    return Output(
        sets={
            "tasks": work.write_set("tasks", Task, tasks),
            "trajectories": work.write_set("trajectories", Trajectory, made),
            "verdicts": work.write_set("verdicts", Verdict, verdicts),
        }
    )


def _ways(agent: Agent, suite: Suite) -> list[Rollout]:
    """How the suite is answered: as the agent answers, or refined by a critic once."""
    return [SelfRefine()] if suite.critic else inference_strategies(agent)


def _critics(suite: Suite) -> list[LlmCritique]:
    """Who is asked on the way; a role without weights of its own is played by the actor."""
    return [LlmCritique(role=suite.critic)] if suite.critic else []


def _cells(
    tasks: Sequence[Task], trajectories: Sequence[Trajectory], verdicts: Sequence[Verdict]
) -> dict[str, Any]:
    """Statistics of the round's tasks by cell, for the next plan."""
    judged = {v.target.id: correctness(v) for v in verdicts if v.target.kind == "traj"}
    by_task = {task.id: f"{task.env}/{task.family}/{task.level}" for task in tasks}
    scores: dict[str, list[float]] = {}
    for trajectory in trajectories:
        score = judged.get(trajectory.id, float("nan"))
        if score == score:
            scores.setdefault(by_task[trajectory.task_id], []).append(score)
    return {
        cell: CellStats(n=len(found), mean=round(sum(found) / len(found), 6)).model_dump()
        for cell, found in sorted(scores.items())
    }


STAGE = Evaluate()
