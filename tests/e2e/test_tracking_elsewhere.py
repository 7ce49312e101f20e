"""An evolution that is projected to an MLflow elsewhere: named once, used by every command."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cladeflow.archive.archive import Archive
from cladeflow.home import TRACKING_VARIABLE, Home
from cladeflow.tracking.client import tracking_client
from cladeflow.tracking.view import evolution_name, model_name
from tests.command_line import Ran, cladeflow
from tests.e2e.conftest import SETTINGS
from tests.mlflow_server import serving


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command tells child processes by the environment, which is this process's own here."""
    monkeypatch.setenv(TRACKING_VARIABLE, "")


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A team's database."""
    return f"sqlite:///{tmp_path_factory.mktemp('team') / 'team.db'}"


def evolve(home: Path, *more: object) -> Ran:
    ran = cladeflow("evolve", "--home", home, "--generations", 1, *more)
    assert ran.code == 0, ran.err
    return ran


@pytest.fixture(scope="module")
def evolved(team: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of one generation whose runs are in the team's database."""
    home = tmp_path_factory.mktemp("evolved") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(TRACKING_VARIABLE, "")
        ran = evolve(home, "--tracking", team, "--deterministic", *SETTINGS)
    assert f"MLflow is at {team} from now on\n" in ran.err
    return home


def names(home: Path) -> tuple[str, str]:
    """The evolution's experiment and its registered model."""
    with Archive.open(Home(home).archive_url) as archive:
        name = evolution_name(archive.evolution.recipe, archive.evolution.uid)
    return name, model_name(name, "actor")


def projected(uri: str, home: Path) -> dict[str, Any]:
    """What an MLflow has of an evolution: how many runs, and the aliases' versions."""
    experiment, model = names(home)
    with tracking_client(uri) as client:
        found = client.get_experiment_by_name(experiment)
        runs = client.search_runs([found.experiment_id]) if found else []
        aliases = client.get_registered_model(model).aliases
    return {"runs": len(runs), **{alias: int(number) for alias, number in aliases.items()}}


@pytest.mark.slow
def test_every_later_command_uses_the_same(evolved: Path, team: str, tmp_path: Path) -> None:
    home = Path(shutil.copytree(evolved, tmp_path / "home"))
    before = projected(team, home)
    assert before["runs"] > 7 and before["champion"] == 1
    assert json.loads(cladeflow("status", "--home", home, "--json").out)["mlflow"] == team
    for to, number in (("initial", 1), ("2", 2)):
        back = cladeflow("rollback", "--to", to, "--home", home)
        assert back.code == 0 and "warning" not in back.err, back.err
        assert projected(team, home)["champion"] == number
    assert not [*home.glob("ml*")], "nothing beside the archive"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with serving(f"sqlite:///{tmp_path}/served.db", tmp_path) as address:
        yield address


@pytest.mark.slow
def test_a_home_moves_to_a_server_and_says_where_it_is(
    evolved: Path, team: str, server: str, tmp_path: Path
) -> None:
    home = Path(shutil.copytree(evolved, tmp_path / "home"))
    moved = evolve(home, "--tracking", server)
    assert f"MLflow is at {server} from now on; what {team} holds stays there" in moved.err
    runs = projected(team, home)["runs"]
    assert projected(server, home) == {"runs": runs, "champion": 1}
    shown = cladeflow("ui", "--home", home)
    assert (shown.code, shown.out) == (0, f"{server}: experiment {names(home)[0]}\n")


@pytest.mark.slow
def test_an_mlflow_that_is_down_fails_nothing(
    evolved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    home = Path(shutil.copytree(evolved, tmp_path / "home"))
    ran = evolve(home, "--tracking", "http://127.0.0.1:9")
    assert ran.err.count("warning: MLflow at http://127.0.0.1:9: ") == 1
    assert (home / "tracking.url").read_text() == "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("http://ada:secret@mlflow:5000", "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASS"),
        ("https://secret@mlflow", "or MLFLOW_TRACKING_TOKEN"),
        ("postgresql://ada@db/a?password=secret", "the whole address in MLFLOW_TRACKING_URI"),
        ("localhost:5000", "no MLflow can be at 'localhost:5000': name a server, such as"),
        ("", "no MLflow can be at ''"),
    ],
)
def test_a_bad_address_is_refused_before_anything_is_written(
    uri: str, expected: str, tmp_path: Path
) -> None:
    ran = cladeflow("evolve", "--home", tmp_path / "home", "--tracking", uri)
    assert ran.code == 2 and ran.out == "" and "Traceback" not in ran.err
    assert expected in ran.err and "secret" not in ran.err
    assert not (tmp_path / "home").exists()
