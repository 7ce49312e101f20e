"""Reads from a home's archive and store what MLflow is to show of it."""

from datetime import datetime

from cladeflow.archive import Member, Recorded
from cladeflow.archive.archive import Archive
from cladeflow.archive.lease import Lease
from cladeflow.home import Home
from cladeflow.session import Session
from cladeflow.store import materialise
from cladeflow.telemetry import METRICS, Metrics
from cladeflow.tracking.addresses import is_local
from cladeflow.tracking.projection import sync
from cladeflow.tracking.view import AgentView, EvolutionView, GenerationView, Moved, StageView
from cladeflow.views import StageView as FinishedCall
from cladeflow.views import stage_views

_IN_GENERATION = ("score_", "improvement_", "exploration_", "distinct_", "policy_entropy")
"""Metrics of an evaluation that its generation's run shows too, by how they begin."""
_LONGEST_REASON = 500
_PATIENCE_SECONDS = 60.0
"""How long a projection waits for that of another command."""


def sync_home(home: Home) -> Moved | None:
    """Project ``home`` to its MLflow; tells of an alias that a person moved, as `sync` does.

    Projections take turns, because registering an agent twice would make two versions of it.
    """
    with Session(home) as session, Lease(session.archive, "projection", patience=_PATIENCE_SECONDS):
        at = session.archive.event_id()
        moved_to = sync(evolution_view(session), home.tracking_uri, _artifacts(home))
        return Moved(moved_to, at) if moved_to else None


def evolution_view(session: Session) -> EvolutionView:
    """Everything that has finished."""
    archive = session.archive
    evolution, members = archive.evolution, archive.agents()
    line = _tested(archive)
    fates = {event.agent_id: event for event in archive.events(kinds=["promoted", "rejected"])}
    last = max(member.agent.gen for member in members)
    params = {
        "recipe": evolution.recipe,
        "scale": evolution.scale,
        "seed": str(evolution.seed),
        "recipe_hash": evolution.recipe_hash,
    }
    return EvolutionView(
        uid=evolution.uid,
        id=evolution.id,
        recipe=evolution.recipe,
        recipe_hash=evolution.recipe_hash,
        scale=evolution.scale,
        seed=evolution.seed,
        created=_seconds(evolution.created),
        agents=tuple(_agent(session, member, fates.get(member.agent.id)) for member in members),
        generations=tuple(_generation(session, n, params) for n in range(1, last + 1)),
        champion=line[-1],
        previous=line[-2] if len(line) > 1 else None,
    )


def _tested(archive: Archive) -> list[str]:
    """The champions that the alias may name: none that the gate ``always`` alone let through."""
    chosen = {change.agent_id for change in archive.history() if not _untested(change)}
    return [a for a in archive.champion_line() if a in chosen or a == archive.evolution.initial]


def _untested(change: Recorded) -> bool:
    """Whether nothing but a gate that tests no child, and no person, made an agent champion."""
    gates = set(change.payload.get("gates", {}))
    by_hand = change.kind != "promoted" or change.payload.get("by_hand", False)
    return not by_hand and bool(gates) and gates <= {"always", "recheck"}


def _agent(session: Session, member: Member, fate: Recorded | None) -> AgentView:
    agent = member.agent
    return AgentView(
        id=agent.id,
        behaviour=agent.behaviour,
        generation=agent.gen,
        child=member.child,
        status=member.status,
        models={
            role: None if member.status == "collected" else materialise(session.store, ref)
            for role, ref in agent.weights.items()
        },
        decision=f"{fate.kind}: {fate.why}"[:_LONGEST_REASON] if fate else "",
    )


def _generation(session: Session, number: int, params: dict[str, str]) -> GenerationView:
    calls = stage_views(session, number)
    metrics = {"seconds": sum(call.seconds for call in calls)}
    for call in calls:
        if call.call.stage == "evaluate":
            child = f"child {call.call.child}/" if call.call.child else ""
            found = series(call.metrics).items()
            metrics |= {child + k: v for k, v in found if k.startswith(_IN_GENERATION)}
    stages = tuple(_stage(call) for call in calls)
    return GenerationView(number=number, metrics=metrics, params=params, stages=stages)


def _stage(call: FinishedCall) -> StageView:
    ended = _seconds(call.commit.volatile["created"])
    return StageView(
        key=f"{call.call.path}/{call.commit.input_hash}",
        name=str(call.call),
        metrics=series(call.metrics),
        started=ended - call.seconds,
        seconds=call.seconds,
    )


def series(metrics: Metrics) -> dict[str, float]:
    """Every series as ``name/label/label``; a summary as its mean."""
    found: dict[str, float] = {}
    for entry in metrics.to_json():
        labels = (entry["labels"][label] for label in METRICS[entry["name"]].labels)
        name = "/".join([entry["name"].removeprefix("cladeflow_"), *labels])
        found[name] = entry["value"] / entry.get("count", 1)
    return found


def _artifacts(home: Home) -> str | None:
    """Where a local MLflow keeps artifacts; a server has its own place."""
    return home.artifact_uri if is_local(home.tracking_uri) else None


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
