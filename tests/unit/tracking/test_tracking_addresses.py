"""Where MLflow is: what is asked for, what the home remembers, and that no secret is written."""

from pathlib import Path

import pytest

from cladeflow.errors import HomeError
from cladeflow.home import TRACKING_VARIABLE, Home
from cladeflow.tracking.addresses import is_local, parse, public


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://ada:secret@mlflow:5000/at", "http://mlflow:5000/at"),
        ("https://secret@mlflow", "https://mlflow"),
        ("http://ada:se/cr@secret@mlflow", "http://mlflow"),
        ("postgresql://ada:secret@db/a", "postgresql://ada@db/a"),
        ("postgresql+psycopg://ada@db/a?password=secret&x=1", "postgresql+psycopg://ada@db/a?x=1"),
        ("ada:secret@mlflow", "mlflow"),
    ],
)
def test_an_address_is_shown_without_its_credentials(uri: str, shown: str) -> None:
    assert public(uri) == shown == public(shown)


@pytest.mark.parametrize(
    "uri", ["http://[::1]:5000/a?b=c#/d", "sqlite:////home/me@work/a.db", "postgresql://ada@db/a"]
)
def test_an_address_without_credentials_is_shown_as_it_is(uri: str) -> None:
    assert public(uri) == parse(uri) == uri


@pytest.mark.parametrize(
    "uri", ["", "mlruns", "localhost:5000", "file:///srv/mlruns", "http://", "sqlite:///"]
)
def test_what_is_no_address_is_told_how_one_looks(uri: str) -> None:
    with pytest.raises(HomeError, match="such as http://server:5000, or a database") as said:
        parse(uri)
    assert f"at {uri!r}: " in str(said.value)


def test_a_file_is_the_same_from_every_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse("sqlite:///team.db?timeout=9") == f"sqlite:///{tmp_path}/team.db?timeout=9"


def test_a_database_is_opened_without_a_server() -> None:
    assert is_local("sqlite:////a.db") and is_local("postgresql+psycopg://ada@db/a")
    assert not is_local("http://mlflow:5000")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    directory = tmp_path / "home"
    Home(directory).create()
    return directory


def test_a_home_remembers_its_mlflow_but_no_credentials(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Home(home).tracking_uri == f"sqlite:///{home}/mlflow.db"
    said: list[str] = []
    monkeypatch.setenv(TRACKING_VARIABLE, "http://ada:secret@mlflow:5000")
    asked = Home(home)
    assert asked.tracking_uri == "http://ada:secret@mlflow:5000"
    asked.settle(said.append)
    assert said == ["MLflow is at http://mlflow:5000 from now on"]
    assert [path.read_text() for path in home.iterdir()] == ["http://mlflow:5000"]
    monkeypatch.delenv(TRACKING_VARIABLE)
    assert Home(home).tracking_uri == "http://mlflow:5000"
    Home(home).settle(said.append)
    assert len(said) == 1, "it is where it was"


def test_another_address_counts_and_is_remembered_when_it_is_settled(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    own = Home(home).tracking_uri
    (home / "mlflow.db").touch()
    for before, address in ((own, "http://old"), ("http://old", "http://new"), ("http://new", own)):
        monkeypatch.setenv(TRACKING_VARIABLE, address)
        assert Home(home).tracking_uri == address
        Home(home).settle(said.append)
        told = f"MLflow is at {address} from now on; what {before} holds stays there"
        assert said.pop() == told and not said
        monkeypatch.delenv(TRACKING_VARIABLE)
        assert Home(home).tracking_uri == address
    assert not (home / "tracking.url").exists(), "a home that is moved keeps its own"
