"""What a finished home says: scores of every agent task by task, decisions, and tokens spent."""

from collections.abc import Sequence
from math import isnan
from pathlib import Path

from benchmarks.evolutions import results
from cladeflow.environments.base import Environment
from cladeflow.evaluate import Evaluation, Setting, Suite, declared_suites
from cladeflow.evaluate.stage import evaluation_key, read_result
from cladeflow.evaluate.statistics import Floats
from cladeflow.home import Home
from cladeflow.plan.model import Plan
from cladeflow.records import Agent, digest
from cladeflow.session import Session
from cladeflow.stage import build
from cladeflow.store import read_commit
from cladeflow.views import GenerationView, StageView, generation_views, stage_views
from cladeflow.visit import Visit

SUITES = {"frontier.greedy": "greedy", "frontier.sampled": "sampled", "retention": "retention"}
"""Which score the mean correctness per task on a suite is, by the suite's name below its env;
other suites are a method's own, and not compared."""


def measure(directory: Path) -> tuple[str, list[results.Agent]]:
    """Digest of a home's suites; its initial agent and every child, oldest first."""
    with Session(Home(directory)) as session:
        plan = Visit(session).plan(1)
        suites = _suites(plan)
        views = generation_views(session)
        tasks = digest([suite.hash for several in suites.values() for suite in several])
        return tasks, [_agent(session, plan, suites, view) for view in views]


def _suites(plan: Plan) -> dict[str, list[Suite]]:
    """The evaluated suites by score, one per environment."""
    environments = build(plan.resolved.recipe.environments)
    setting = Setting(
        tuple(e for e in environments if isinstance(e, Environment)),
        plan.resolved.scale.max_tokens,
        plan.seed,
    )
    evaluations = [e for e in build(plan.resolved.recipe.evaluate) if isinstance(e, Evaluation)]
    found: dict[str, list[Suite]] = {}
    for suite in declared_suites(evaluations, setting):
        if score := SUITES.get(suite.name.partition(".")[2]):
            found.setdefault(score, []).append(suite)
    return found


def _agent(
    session: Session, plan: Plan, suites: dict[str, list[Suite]], view: GenerationView
) -> results.Agent:
    agent = session.archive.agent(view.agent_id).agent
    stages = stage_views(session, view.generation) if view.generation else []
    passed = view.row("pass@")
    return {
        "generation": view.generation,
        "outcome": view.outcome,
        "promoted": view.promoted,
        "sampled_tokens": _total(stages, "cladeflow_generated_tokens_total"),
        "trained_tokens": _total(stages, "cladeflow_trained_tokens_total"),
        "pass_at_k": passed.value if passed else None,
        "exploration": view.report.exploration,
        "scores": {
            score: [one for suite in several for one in _scores(session, plan, agent, suite)]
            for score, several in suites.items()
        },
    }


def _scores(session: Session, plan: Plan, agent: Agent, suite: Suite) -> list[float | None]:
    """Mean correctness by task; None where no check came to a verdict."""
    commit = read_commit(session.store, evaluation_key(agent, suite, plan.resolved.scale))
    assert commit is not None, "a finished generation has its evaluations"
    accuracy: Floats = read_result(session, suite, commit).accuracy()
    return [None if isnan(score) else round(score, 6) for score in accuracy.tolist()]


def _total(stages: Sequence[StageView], metric: str) -> int:
    found = [e["value"] for s in stages for e in s.metrics.to_json() if e["name"] == metric]
    return int(sum(found))
