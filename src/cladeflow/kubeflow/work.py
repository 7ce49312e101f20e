"""One attempt at a task: the calls' commits, and the receipts and facts that they leave."""

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cladeflow.archive.archive import Archive
from cladeflow.errors import CladeflowError
from cladeflow.graph import Node, StageCall
from cladeflow.home import Home
from cladeflow.kubeflow.artifacts import Facts
from cladeflow.kubeflow.attempts import RUN
from cladeflow.kubeflow.guard import hold
from cladeflow.kubeflow.orders import Order
from cladeflow.kubeflow.projecting import project
from cladeflow.kubeflow.receipts import Receipt, Receipts, code_state
from cladeflow.kubeflow.training import carry_out
from cladeflow.kubeflow.trainjob import complete, name_of
from cladeflow.plan.model import Plan, Population
from cladeflow.recipes.model import Resolved
from cladeflow.records import Agent
from cladeflow.runners.subprocess import ready
from cladeflow.session import Session
from cladeflow.telemetry import Metrics, read_metrics
from cladeflow.visit import Visit
from cladeflow.work import Share


def work(home: Path, order: Order, reduced: int = 0) -> list[dict[str, Any]]:
    """Make the task's commits; the facts of each, none for a share.

    ``reduced`` says how often what is computed at a time was halved, for want of memory.
    """
    place, terms = Home(home), order.terms
    if terms.start is not None:
        _found(place, terms.start)
    place.require()
    if order.call["stage"] == "plan":
        hold(place)
    with Session(place, reduced=reduced) as session:
        session.population = Population.model_validate(terms.population or {})
        call = _call(session, order)
        if terms.start is not None and Visit(session).planned(call.generation) is None:
            _hear(home)
        visit, task = ready(session, call)
        if order.share is not None:
            visit.share(task[0], Share(*order.share))
            return []
        if order.trainjob is not None and visit.found(task[0]) is None:
            _train_on_nodes(home, visit, task[0], order.trainjob, reduced)
        for node in task:
            visit.commit(node)
        if order.call["stage"] == "plan":
            _require_planned_as_compiled(visit.plan(task[0].call.generation), session.population)
        return _left(session, visit, task)


def _train_on_nodes(
    home: Path, visit: Visit, node: Node, spec: dict[str, Any], reduced: int
) -> None:
    """Have a TrainJob make the call's commit."""
    name, run = name_of(str(home), visit.address(node)), os.environ.get(RUN, "")
    call = node.call.model_dump(mode="json", exclude_defaults=True)
    carry_out(home, complete(spec, name, run, str(home), call, reduced))
    if visit.found(node) is None:
        raise CladeflowError(
            f"TrainJob {name} is complete, and its commit is not in {home}: do its pods mount the "
            "same volume at the same place?"
        )


def _hear(home: Path) -> None:
    """Before it is planned: an alias that was moved in MLflow since the last run counts."""
    problem = project(home).problem
    if problem:
        print(f"warning: {problem}")


def _require_planned_as_compiled(plan: Plan, population: Population) -> None:
    """Raise `CladeflowError` where the pipeline has tasks for other children than the plan."""
    planned = plan.population
    if planned.children != population.children:
        raise CladeflowError(
            f"generation {plan.generation} was planned with {planned.children} children, and this "
            f"pipeline has tasks for {population.children}: compile or submit it with --parents "
            f"{planned.parents} --children {planned.children}"
        )


def _found(home: Home, start: Mapping[str, Any]) -> None:
    """Start the evolution, unless it was."""
    home.create()
    with Archive.create(home.archive_url) as archive:
        home.settle(print)
        archive.start_evolution(
            Resolved.model_validate(start["resolved"]),
            start["seed"],
            Agent.model_validate(start["initial"]),
        )


def _call(session: Session, order: Order) -> StageCall:
    """The call, its generation named: only a plan may leave that to the archive."""
    call = StageCall.model_validate(order.call)
    if call.generation:
        return call
    assert call.stage == "plan", f"{call} does not say of which generation"
    return call.model_copy(update={"generation": session.archive.generations() + 1})


def _left(session: Session, visit: Visit, task: tuple[Node, ...]) -> list[dict[str, Any]]:
    """Leave a receipt of every call; the facts of each."""
    receipts, together = Receipts(session.home.directory), [node.call.path for node in task]
    found = []
    for node in task:
        facts = _facts(session, visit, node)._asdict()
        needs = {need.path: visit.key(need) for need in node.needs}
        receipt = Receipt(code_state(), visit.key(node.call), needs, together, facts)
        receipts.leave(node.call.path, receipt)
        found.append(facts)
    return found


def _facts(session: Session, visit: Visit, node: Node) -> Facts:
    commit = visit.commit(node)
    return Facts(
        generation=node.call.generation,
        stage=commit.stage,
        commit=visit.key(node.call),
        digest=commit.digest,
        counts={name: manifest.count for name, manifest in commit.sets.items()},
        models=dict(commit.models),
        metrics=_values(read_metrics(session.store, commit.metrics)),
        seconds=float(commit.volatile["seconds"]),
    )


def _values(metrics: Metrics) -> dict[str, float]:
    """Finite values by name and labels, as one flat name."""
    flat = {
        "_".join((entry["name"].removeprefix("cladeflow_"), *entry["labels"].values())): value
        for entry in metrics.to_json()
        if math.isfinite(value := float(entry["value"]))
    }
    return dict(sorted(flat.items()))
