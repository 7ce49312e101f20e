"""The projection to a real local MLflow: idempotent, crash-proof, and obedient to moved aliases."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from cladeflow.home import TRACKING_VARIABLE
from cladeflow.records import AgentStatus
from cladeflow.tracking import (
    AgentView,
    EvolutionView,
    GenerationView,
    StageView,
    TrackingError,
    sync,
)
from cladeflow.tracking.client import tracking_client
from cladeflow.tracking.versions import agent_of_version
from cladeflow.tracking.view import model_name
from tests.mlflow_server import serving

WRITES = (
    "create_experiment",
    "create_run",
    "log_batch",
    "set_terminated",
    "log_artifacts",
    "create_registered_model",
    "create_model_version",
    "set_model_version_tag",
    "set_registered_model_tag",
    "set_registered_model_alias",
    "delete_registered_model_alias",
)
START = 1_700_000_000.0


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One store for the module: MLflow takes seconds to make one. Tests differ by evolution."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


def stage(generation: int, name: str, **fields: Any) -> StageView:
    metrics = {"seconds": 2.5, "score/frontier/all/pass@4": generation / 10}
    fields = {"metrics": metrics, "params": {"round": "main"}, **fields}
    return StageView(key=f"{generation}/{name}", name=name, started=START, seconds=2.5, **fields)


def generation(number: int, *names: str) -> GenerationView:
    stages = tuple(stage(number, name) for name in names)
    metrics = {"score": number / 10}
    return GenerationView(number=number, metrics=metrics, params={"seed": "0"}, stages=stages)


def evolution(tmp_path: Path, generations: int = 1, **fields: Any) -> EvolutionView:
    """Agents a0 (initial), a1, … of one generation each; the newest is champion."""
    agents = []
    for n in range(generations + 1):
        model = tmp_path / f"model{n}"
        model.mkdir(exist_ok=True)
        (model / "config.json").write_text(f'{{"n": {n}}}')
        status = "promoted" if n else "valid"
        agents.append(
            AgentView(
                id=f"a{n}", behaviour=f"b{n}", generation=n, status=status, models={"actor": model}
            )
        )
    return EvolutionView(
        **{
            "uid": uuid4().hex,
            "id": "e",
            "recipe": "star",
            "recipe_hash": "r",
            "scale": "tiny",
            "seed": 0,
            "created": START,
            "agents": tuple(agents),
            "generations": tuple(
                generation(n, "rollout", "fine_tune") for n in range(1, generations + 1)
            ),
            "champion": agents[-1].id,
            "previous": agents[-2].id if generations else None,
            **fields,
        }
    )


def projected(view: EvolutionView, uri: str) -> dict[str, Any]:
    """All that MLflow holds of an evolution, without MLflow's own ids and times."""
    with tracking_client(uri) as client:
        experiment = client.get_experiment_by_name(view.name)
        assert experiment is not None
        runs = client.search_runs([experiment.experiment_id])
        keys = {run.info.run_id: run.data.tags["cladeflow.key"] for run in runs}
        registered = client.get_registered_model(model_name(view.name, "actor"))
        versions = client.search_model_versions(f"name = '{registered.name}'")
        agents = {int(version.version): version.tags["cladeflow.agent"] for version in versions}
        return {
            "runs": sorted(
                (
                    keys[run.info.run_id],
                    keys.get(run.data.tags.get("mlflow.parentRunId", "")),
                    run.info.run_name,
                    run.info.status,
                    (run.info.start_time, run.info.end_time),
                    sorted(run.data.params.items()),
                    [
                        (key, [(m.value, m.step, m.timestamp) for m in history])
                        for key in sorted(run.data.metrics)
                        for history in [client.get_metric_history(run.info.run_id, key)]
                    ],
                    sorted(
                        (key, value.replace(view.uid, ""))
                        for key, value in run.data.tags.items()
                        if key.startswith("cladeflow.") and key != "cladeflow.projected"
                    ),
                )
                for run in runs
            ),
            "versions": [
                (keys[v.run_id], v.source, sorted({**v.tags, "cladeflow.evolution": ""}.items()))
                for v in sorted(versions, key=lambda v: int(v.version))
            ],
            "aliases": {alias: agents[int(n)] for alias, n in registered.aliases.items()},
            "tags": registered.tags,
        }


class Killed(BaseException):
    """Stands for the death of the process: no handler of errors catches it."""


class Writes(list[str]):
    """Names of the client's writes as they are made; the process dies after ``limit`` of them."""

    limit = -1


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> Writes:
    from mlflow import MlflowClient

    made = Writes()

    def counted(name: str, write: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            result = write(*args, **kwargs)
            made.append(name)
            if len(made) == made.limit:
                raise Killed
            return result

        return call

    for name in WRITES:
        monkeypatch.setattr(MlflowClient, name, counted(name, getattr(MlflowClient, name)))
    return made


def test_everything_is_projected(uri: str, tmp_path: Path) -> None:
    view = evolution(tmp_path)
    assert sync(view, uri) is None
    found = projected(view, uri)
    assert [(key, parent, name, status) for key, parent, name, status, *_ in found["runs"]] == [
        ("1/fine_tune", "generation/1", "fine_tune", "FINISHED"),
        ("1/rollout", "generation/1", "rollout", "FINISHED"),
        ("generation/0", None, "initial", "FINISHED"),
        ("generation/1", None, "generation 1", "FINISHED"),
    ]
    at = round((START + 2.5) * 1000)
    fine_tune = found["runs"][0]
    assert fine_tune[4] == (round(START * 1000), at)
    assert fine_tune[5] == [("round", "main")]
    assert fine_tune[6] == [
        ("score/frontier/all/pass_4", [(0.1, 1, at)]),
        ("seconds", [(2.5, 1, at)]),
    ]
    assert ("cladeflow.recipe_hash", "r") in fine_tune[7]
    (_, source, _), (run, _, tags) = found["versions"]
    assert source == (tmp_path / "model0").as_uri()
    assert run == "generation/1"
    assert dict(tags) == {
        "cladeflow.agent": "a1",
        "cladeflow.behaviour": "b1",
        "cladeflow.child": "0",
        "cladeflow.decision": "",
        "cladeflow.evolution": "",
        "cladeflow.generation": "1",
        "cladeflow.recipe_hash": "r",
        "cladeflow.status": "promoted",
    }
    assert found["aliases"] == {"champion": "a1", "previous": "a0"}


def test_a_second_projection_writes_nothing(uri: str, tmp_path: Path, writes: Writes) -> None:
    view = evolution(tmp_path)
    sync(view, uri)
    assert writes
    del writes[:]
    assert sync(view, uri) is None
    assert writes == []


def test_killed_after_every_single_write_it_ends_as_if_undisturbed(
    uri: str, tmp_path: Path, writes: Writes
) -> None:
    """Each attempt resumes from the state one write further on, so all states are resumed from."""
    undisturbed, view = evolution(tmp_path), evolution(tmp_path)
    sync(undisturbed, uri)
    needed = len(writes)
    deaths = 0
    writes.limit = 1
    while deaths <= needed:
        del writes[:]
        try:
            sync(view, uri)
        except Killed:
            deaths += 1
        else:
            break
    assert deaths == needed
    assert projected(view, uri) == projected(undisturbed, uri)


def test_what_changes_is_brought_up_to_date(uri: str, tmp_path: Path, writes: Writes) -> None:
    first = evolution(tmp_path)
    sync(first, uri)
    del writes[:]
    second = evolution(tmp_path, 2, uid=first.uid)
    sync(second, uri)
    assert writes.count("create_run") == 3
    assert projected(second, uri)["aliases"] == {"champion": "a2", "previous": "a1"}
    del writes[:]
    worse = second.agents[2].model_copy(update={"status": "rolled_back"})
    back = {"agents": (*second.agents[:2], worse), "champion": "a0", "previous": None}
    sync(second.model_copy(update=back), uri)
    assert writes == [
        "set_model_version_tag",
        "set_registered_model_tag",
        "set_registered_model_alias",
        "set_registered_model_tag",
        "delete_registered_model_alias",
    ]
    assert projected(second, uri)["aliases"] == {"champion": "a0"}


def test_an_alias_moved_by_hand_stays_until_the_archive_has_taken_it_over(
    uri: str, tmp_path: Path
) -> None:
    view = evolution(tmp_path, 2)
    sync(view, uri)
    with tracking_client(uri) as client:
        client.set_registered_model_alias(model_name(view.name, "actor"), "champion", "2")
    assert sync(view, uri) == "a1"
    assert projected(view, uri)["aliases"]["champion"] == "a1"

    taken_over = view.model_copy(update={"champion": "a1", "previous": "a2"})
    assert sync(taken_over, uri) is None
    assert projected(view, uri)["aliases"] == {"champion": "a1", "previous": "a2"}
    assert sync(view, uri) is None  # and from here on we move it again
    assert projected(view, uri)["aliases"] == {"champion": "a2", "previous": "a1"}


def test_an_alias_moved_to_a_foreign_version_is_reported(uri: str, tmp_path: Path) -> None:
    view = evolution(tmp_path)
    sync(view, uri)
    name = model_name(view.name, "actor")
    with tracking_client(uri) as client:
        foreign = client.create_model_version(name, tmp_path.as_uri(), await_creation_for=0)
        client.set_registered_model_alias(name, "champion", foreign.version)
    with pytest.raises(TrackingError, match="points to version 3, which is no agent"):
        sync(view, uri)


@pytest.mark.slow
def test_a_store_whose_creation_was_killed_is_created_again(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    script = (
        "import sys; from cladeflow.tracking.versions import agent_of_version as find;"
        " find(sys.argv[1], 'e', 1)"
    )
    path = {"PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    creator = subprocess.Popen([sys.executable, "-c", script, uri], env=path)
    deadline = time.monotonic() + 60
    while not any(draft.stat().st_size > 100_000 for draft in tmp_path.glob(".mlflow-*/draft.db")):
        assert creator.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    creator.kill()
    creator.wait()
    assert not (tmp_path / "mlflow.db").exists()
    view = evolution(tmp_path)
    sync(view, uri)
    assert projected(view, uri)["aliases"] == {"champion": "a1", "previous": "a0"}


def test_a_version_is_found_by_its_number(uri: str, tmp_path: Path) -> None:
    view = evolution(tmp_path, 2)
    assert agent_of_version(uri, view.name, 1) is None
    sync(view, uri)
    found = [agent_of_version(uri, view.name, number) for number in (1, 2, 3, 4)]
    assert found == ["a0", "a1", "a2", None]


def two_roles(tmp_path: Path) -> EvolutionView:
    """Three agents, the last two with a critic."""
    view = evolution(tmp_path, 2)
    first, *learned = view.agents
    learned = [a.model_copy(update={"models": {**a.models, "critic": tmp_path}}) for a in learned]
    return view.model_copy(update={"agents": (first, *learned)})


def move(view: EvolutionView, uri: str, role: str, version: int) -> None:
    """What a person does on MLflow's page."""
    with tracking_client(uri) as client:
        client.set_registered_model_alias(model_name(view.name, role), "champion", str(version))


@pytest.mark.parametrize(("role", "version"), [("critic", 1), ("actor", 2)])
def test_whatever_roles_alias_is_moved_moves_the_agent(
    uri: str, tmp_path: Path, role: str, version: int
) -> None:
    view = two_roles(tmp_path)
    sync(view, uri)
    move(view, uri, role, version)
    assert sync(view, uri) == "a1"
    assert sync(view.model_copy(update={"champion": "a1", "previous": "a2"}), uri) is None
    with tracking_client(uri) as client:
        for each, champion, previous in (("actor", 2, 3), ("critic", 1, 2)):
            model = client.get_registered_model(model_name(view.name, each))
            assert model.aliases == {"champion": champion, "previous": previous}


def test_roles_moved_to_different_agents_are_refused(uri: str, tmp_path: Path) -> None:
    view = two_roles(tmp_path)
    sync(view, uri)
    move(view, uri, "actor", 1)
    move(view, uri, "critic", 1)
    with pytest.raises(TrackingError, match=r"different agents \(actor to a0, critic to a1\)"):
        sync(view, uri)
    move(view, uri, "actor", 2)
    assert sync(view, uri) == "a1"


@pytest.mark.parametrize("status", ["quarantined", "collected"])
def test_an_agent_that_is_not_fit_is_not_put_in_charge(
    uri: str, tmp_path: Path, status: AgentStatus
) -> None:
    view = evolution(tmp_path, 2)
    sync(view, uri)
    worse = view.agents[1].model_copy(update={"status": status, "models": {"actor": None}})
    view = view.model_copy(update={"agents": (view.agents[0], worse, view.agents[2])})
    move(view, uri, "actor", 2)
    with pytest.raises(TrackingError, match=f"agent a1, which is {status}"):
        sync(view, uri)


def test_every_role_has_its_registered_model(uri: str, tmp_path: Path) -> None:
    view = evolution(tmp_path)
    both = view.agents[1].models | {"critic": tmp_path / "model1"}
    learned = view.agents[1].model_copy(update={"models": both})
    view = view.model_copy(update={"agents": (view.agents[0], learned)})
    sync(view, uri)
    with tracking_client(uri) as client:
        critic = client.get_registered_model(model_name(view.name, "critic"))
        assert critic.aliases == {"champion": 1}
        back = view.model_copy(update={"champion": "a0", "previous": None})
        sync(back, uri)
        critic = client.get_registered_model(model_name(view.name, "critic"))
        assert critic.aliases == {}, "the initial agent has no critic of its own"
        sync(view, uri)
        critic = client.get_registered_model(model_name(view.name, "critic"))
        assert critic.aliases == {"champion": 1}


def test_many_metrics_and_runs_fit(uri: str, tmp_path: Path) -> None:
    metrics = {f"m{n}": float(n) for n in range(2100)} | {"loss": float("nan")}
    many = generation(1, *(f"stage {n}" for n in range(3)))
    stages = (*many.stages, stage(1, "rollout", metrics=metrics))
    view = evolution(tmp_path, generations=1)
    view = view.model_copy(update={"generations": (many.model_copy(update={"stages": stages}),)})
    sync(view, uri)
    with tracking_client(uri) as client:
        experiment = client.get_experiment_by_name(view.name)
        assert experiment is not None
        runs = client.search_runs([experiment.experiment_id])
        assert max(len(run.data.metrics) for run in runs) == 2101


@pytest.mark.parametrize(
    "uri",
    [
        "http://me:secret@127.0.0.1:9",
        "http://me:se@secret@127.0.0.1:9",
        "sqlite:////proc/none/mlflow.db",
        "nonsense://x",
        "postgresql+nothing://me:secret@127.0.0.1:9/x",
        "mysql+mysqldb://me:secret@127.0.0.1:9/x",
    ],
)
def test_an_outage_is_one_kind_of_error_and_tells_no_password(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(TrackingError, match="the next sync of this home catches up") as caught:
        sync(evolution(tmp_path), uri)
    assert "secret" not in str(caught.value)


@pytest.fixture(scope="module")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import AutoModelForCausalLM, LlamaConfig

    directory = tmp_path_factory.mktemp("llama")
    tiny = LlamaConfig(
        vocab_size=32,
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=1,
    )
    # transformers leaves it untyped
    AutoModelForCausalLM.from_config(tiny).save_pretrained(directory)  # type: ignore[no-untyped-call]
    return directory


def with_model(view: EvolutionView, model: Path) -> EvolutionView:
    agents = [agent.model_copy(update={"models": {"actor": model}}) for agent in view.agents]
    return view.model_copy(update={"agents": tuple(agents)})


def assert_loads(view: EvolutionView, uri: str, model: Path, to: Path) -> None:
    """The champion, downloaded through MLflow, is the model that was registered."""
    import mlflow
    import torch
    from transformers import AutoModelForCausalLM

    to.mkdir()
    alias = f"models:/{model_name(view.name, 'actor')}@champion"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(TRACKING_VARIABLE, uri)
        downloaded = mlflow.artifacts.download_artifacts(alias, dst_path=str(to))
    loaded = AutoModelForCausalLM.from_pretrained(downloaded)
    original = AutoModelForCausalLM.from_pretrained(model)
    for name, tensor in original.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor)


def test_a_registered_version_loads(uri: str, tmp_path: Path, tiny_llama: Path) -> None:
    view = with_model(evolution(tmp_path), tiny_llama)
    sync(view, uri)
    assert_loads(view, uri, tiny_llama, tmp_path / "downloaded")


@pytest.fixture
def server(uri: str, tmp_path: Path) -> Iterator[str]:
    """A server on the module's store."""
    with serving(uri, tmp_path) as address:
        yield address


@pytest.mark.slow
def test_a_server_gets_the_files_and_the_same_projection(
    uri: str, server: str, tmp_path: Path, tiny_llama: Path, writes: Writes
) -> None:
    view = with_model(evolution(tmp_path), tiny_llama)
    sync(view, server)
    assert_loads(view, server, tiny_llama, tmp_path / "downloaded")
    del writes[:]
    sync(view, server)
    assert writes == []
    local = with_model(evolution(tmp_path), tiny_llama)
    sync(local, uri)
    through_server, directly = projected(view, uri), projected(local, uri)
    del through_server["versions"], directly["versions"]  # their sources differ
    assert through_server == directly
