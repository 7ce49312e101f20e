"""The process that projects a home beside an evolution."""

import json
from pathlib import Path

import pytest

from cladeflow.archive import Event
from cladeflow.archive.archive import Archive
from cladeflow.home import TRACKING_VARIABLE, Home
from cladeflow.recipes import Resolved, load_recipe, load_scale
from cladeflow.records import Agent
from cladeflow.store.refs import directory_ref
from cladeflow.tracking.background import Projector
from cladeflow.tracking.client import tracking_client
from cladeflow.tracking.view import evolution_name, model_name

pytestmark = pytest.mark.slow


def agent_of(directory: Path, name: str, *parents: Agent) -> Agent:
    model = directory / name
    model.mkdir()
    (model / "config.json").write_text(json.dumps({"name": name}))
    return Agent(
        weights={"actor": directory_ref(model)}, parents=tuple(parent.id for parent in parents)
    )


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.create()
    initial = agent_of(tmp_path, "initial")
    child = agent_of(tmp_path, "child", initial)
    with Archive.create(home.archive_url) as archive:
        star = Resolved(recipe=load_recipe("star"), scale=load_scale("tiny"))
        archive.start_evolution(star, 0, initial)
        promoted = Event(
            key="p", kind="promoted", agent_id=child.id, incumbent_id=initial.id, why="gate passed"
        )
        archive.record([Event.added(child), promoted])
    return home


def champion_versions(home: Home, archive: Archive) -> dict[str, int]:
    """Version by alias."""
    evolution = archive.evolution
    name = model_name(evolution_name(evolution.recipe, evolution.uid), "actor")
    with tracking_client(home.tracking_uri) as client:
        aliases: dict[str, int] = client.get_registered_model(name).aliases
        return aliases


def test_a_home_is_projected_and_an_alias_moved_by_hand_becomes_champion(home: Home) -> None:
    said: list[str] = []
    with Archive.open(home.archive_url) as archive, Projector(home, said.append) as projector:
        projector.project()
        projector.wait()
        assert champion_versions(home, archive) == {"champion": 2, "previous": 1}
        projector.honour(archive)
        assert len(archive.history()) == 1

        evolution = archive.evolution
        name = model_name(evolution_name(evolution.recipe, evolution.uid), "actor")
        with tracking_client(home.tracking_uri) as client:
            client.set_registered_model_alias(name, "champion", "1")
        projector.project()
        projector.wait()
        for _ in range(2):
            projector.honour(archive)
        assert archive.champion() == archive.agent("initial")
        _, moved = archive.history()
        assert (moved.kind, moved.who) == ("promoted_external", "MLflow")
        projector.project()
        projector.wait()
        projector.honour(archive)
        assert len(archive.history()) == 2
        assert champion_versions(home, archive) == {"champion": 1, "previous": 2}
    assert said == []


def test_an_outage_is_a_warning_said_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setenv(TRACKING_VARIABLE, "sqlite:////proc/none/mlflow.db")
    with Projector(Home(home.directory), said.append) as projector:
        projector.project()
        projector.project()
    assert len(said) == 1
    assert said[0].startswith("warning: MLflow at sqlite:////proc/none/mlflow.db: ")


def test_a_dead_projector_is_told_of_and_replaced(home: Home) -> None:
    said: list[str] = []
    with Archive.open(home.archive_url) as archive:
        with Projector(home, said.append) as projector:
            projector.project()
            assert projector._process is not None
            projector._process.kill()
            projector.wait()
            assert said == [f"warning: MLflow is not up to date; see {home.directory}/tracking.log"]
            projector._process.wait()
            projector.project()
        assert champion_versions(home, archive) == {"champion": 2, "previous": 1}


def test_an_interrupted_command_does_not_wait_for_mlflow(home: Home) -> None:
    with pytest.raises(KeyboardInterrupt), Projector(home, print) as projector:
        projector.project()
        process = projector._process
        raise KeyboardInterrupt
    assert process is not None and process.returncode is not None


def test_no_command_line_shows_a_password(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setenv(TRACKING_VARIABLE, "http://ada:secret@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with Projector(Home(home.directory), said.append) as projector:
        projector.project()
        assert projector._process is not None
        assert "secret" not in str(projector._process.args)
    assert len(said) == 1 and said[0].startswith("warning: MLflow at http://127.0.0.1:9: ")
    assert "secret" not in said[0]
