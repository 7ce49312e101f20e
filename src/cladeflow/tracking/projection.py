"""The projection: an experiment, runs, registered versions and aliases as a view says."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cladeflow.archive import UNFIT
from cladeflow.tracking.addresses import is_local
from cladeflow.tracking.client import TrackingError, tracking_client
from cladeflow.tracking.runs import Runs, RunView
from cladeflow.tracking.versions import open_versions
from cladeflow.tracking.view import (
    AgentView,
    EvolutionView,
    GenerationView,
    StageView,
    model_name,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient


def sync(view: EvolutionView, tracking_uri: str, artifact_uri: str | None = None) -> str | None:
    """Make MLflow hold what ``view`` says; what it holds already is not written again.

    Gives the agent that a person pointed an alias ``champion`` to, if somebody did: the aliases
    are then left alone until the archive says that this agent is champion. An agent is one,
    whatever role's alias was moved: those of its other roles follow. ``artifact_uri`` is where a
    new experiment keeps artifacts (None: where the server puts them). Raises `TrackingError`.
    """
    with tracking_client(tracking_uri) as client:
        runs = _project_runs(Runs(client, view, artifact_uri), view)
        roles = sorted({role for agent in view.agents for role in agent.models})
        registry = {role: open_versions(client, model_name(view.name, role)) for role in roles}
        for agent in view.agents:
            for role, directory in agent.models.items():
                if agent.id not in registry[role]:
                    if directory is None:
                        continue
                    run_id = runs[agent.generation]
                    source = _source(client, tracking_uri, directory, run_id, agent, role)
                    registry[role].register(agent.id, source, run_id, _agent_tags(view, agent))
                registry[role].tag(agent.id, _agent_tags(view, agent))
        moved = {role: to for role, versions in registry.items() if (to := versions.moved_to())}
        if set(moved.values()) - {view.champion}:
            return _one_agent(view, moved)
        for versions in registry.values():
            versions.point(view.champion, view.previous)
        return None


def _one_agent(view: EvolutionView, moved: Mapping[str, str]) -> str:
    """The agent that the aliases of these roles were moved to.

    Raises `TrackingError` where they name several, or one that may not be put in charge.
    """
    agents = sorted(set(moved.values()) - {view.champion})
    if len(agents) > 1:
        said = ", ".join(f"{role} to {agent_id[:12]}" for role, agent_id in sorted(moved.items()))
        raise TrackingError(
            f"the aliases 'champion' of {view.name} were moved to different agents ({said}); an "
            "agent's roles go together: point them to one agent's versions"
        )
    [status] = [agent.status for agent in view.agents if agent.id == agents[0]]
    if status in UNFIT:
        raise TrackingError(
            f"the alias 'champion' of {view.name} points to agent {agents[0][:12]}, which is "
            f"{status} and not put in charge; point it to another version"
        )
    return agents[0]


def _project_runs(runs: Runs, view: EvolutionView) -> dict[int, str]:
    """Run id by generation; generation 0 stands for the agent that everything starts from."""
    start = view.created
    tags = {"cladeflow.evolution": view.uid, "cladeflow.recipe_hash": view.recipe_hash}
    initial = RunView("generation/0", "initial", 0, tags, {}, {}, start, start)
    found = {0: runs.project(initial)}
    for generation in view.generations:
        children = [agent.id for agent in view.agents if agent.generation == generation.number]
        own = {**tags, "cladeflow.generation": str(generation.number)}
        about = {**own, "cladeflow.agents": ",".join(children)}
        run_id = runs.project(_generation_run(generation, about))
        for stage in generation.stages:
            runs.project(_stage_run(generation.number, stage, own), parent=run_id)
        found[generation.number] = run_id
    return found


def _generation_run(generation: GenerationView, tags: Mapping[str, str]) -> RunView:
    return RunView(
        key=f"generation/{generation.number}",
        name=f"generation {generation.number}",
        step=generation.number,
        tags=tags,
        params=generation.params,
        metrics=generation.metrics,
        started=min(stage.started for stage in generation.stages),
        ended=max(stage.started + stage.seconds for stage in generation.stages),
    )


def _stage_run(generation: int, stage: StageView, tags: Mapping[str, str]) -> RunView:
    return RunView(
        key=stage.key,
        name=stage.name,
        step=generation,
        tags={**tags, "cladeflow.stage": stage.name},
        params=stage.params,
        metrics=stage.metrics,
        started=stage.started,
        ended=stage.started + stage.seconds,
    )


def _agent_tags(view: EvolutionView, agent: AgentView) -> dict[str, str]:
    return {
        "cladeflow.evolution": view.uid,
        "cladeflow.generation": str(agent.generation),
        "cladeflow.child": str(agent.child),
        "cladeflow.behaviour": agent.behaviour,
        "cladeflow.recipe_hash": view.recipe_hash,
        "cladeflow.status": agent.status,
        "cladeflow.decision": agent.decision,
    }


def _source(
    client: "MlflowClient",
    tracking_uri: str,
    directory: Path,
    run_id: str,
    agent: AgentView,
    role: str,
) -> str:
    """Where a version's files are: in the store itself, unless MLflow is on another machine."""
    if is_local(tracking_uri):
        return directory.as_uri()
    at = f"models/{agent.id[:12]}/{role}"
    client.log_artifacts(run_id, str(directory), at)
    return f"{client.get_run(run_id).info.artifact_uri}/{at}"
