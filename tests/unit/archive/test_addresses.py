"""Addresses of archives, what an unusable one is told, and that no password is ever shown."""

from pathlib import Path

import pytest

from cladeflow.archive.addresses import has_secret, parse, public
from cladeflow.archive.archive import Archive
from cladeflow.errors import HomeError
from cladeflow.home import ARCHIVE_VARIABLE, Home
from cladeflow.recipes.model import Resolved
from cladeflow.records import Agent
from tests.postgresql_server import PASSWORD, PostgresqlServer


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ada:secret@db:5433/a", "postgresql://ada@db:5433/a"),
        ("postgresql://ada@db/a?password=secret", "postgresql://ada@db/a"),
        ("postgresql:///a?host=/run&sslpassword=secret", "postgresql:///a?host=%2Frun"),
    ],
)
def test_an_address_is_shown_without_its_secret(url: str, shown: str) -> None:
    assert public(parse(url)) == shown
    assert has_secret(parse(url)) and not has_secret(parse(shown))


def refused(url: str) -> str:
    with pytest.raises(HomeError) as said:
        Archive.create(url)
    assert PASSWORD not in str(said.value)
    assert f"{url.rpartition('/')[2]}: " in str(said.value)
    return str(said.value)


def test_a_server_that_refuses_is_explained(postgresql: PostgresqlServer) -> None:
    assert "set PGPASSWORD" in refused(postgresql.url("postgres", password="wrong"))
    assert "set PGPASSWORD" in refused(
        f"postgresql://cladeflow@127.0.0.1:{postgresql.port}/postgres"
    )
    assert "create what is missing" in refused(postgresql.url("nowhere"))
    assert "check the address" in refused("postgresql://ada@127.0.0.1:1/archive")
    assert "check the address" in refused("postgresql://ada@host.invalid/archive")


def test_a_user_without_rights_is_told_what_to_ask_for(postgresql: PostgresqlServer) -> None:
    import psycopg

    with psycopg.connect(postgresql.url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE guest LOGIN PASSWORD '{PASSWORD}'")
    assert "has to GRANT" in refused(postgresql.url("postgres", user="guest"))


def test_psycopg_is_asked_for_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(HomeError, match=r"pip install 'cladeflow\[postgres\]'"):
        Archive.create("postgresql://ada@server/archive")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    directory = tmp_path / "home"
    Home(directory).create()
    return directory


def test_a_home_remembers_its_archive_but_not_the_password(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ARCHIVE_VARIABLE, "postgresql://ada:secret@server/a")
    asked = Home(home)
    assert asked.archive_url == "postgresql://ada:secret@server/a" and not asked.exists
    asked.settle(print)
    assert asked.exists
    assert all("secret" not in path.read_text() for path in home.iterdir())
    assert Home(home).archive_url == "postgresql://ada:secret@server/a"
    monkeypatch.delenv(ARCHIVE_VARIABLE)
    assert Home(home).archive_url == "postgresql://ada@server/a"


def test_a_home_keeps_to_the_archive_that_it_has(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Home(home)
    Archive.create(own.archive_url).close()
    own.settle(print)
    assert not (home / "archive.url").exists()
    monkeypatch.setenv(ARCHIVE_VARIABLE, "postgresql://ada:secret@server/a")
    with pytest.raises(HomeError, match=r"its archive at sqlite:.*, not at postgresql://ada@ser"):
        Home(home)
    monkeypatch.setenv(ARCHIVE_VARIABLE, own.archive_url)
    assert Home(home).archive_url == own.archive_url


def test_an_archive_outlives_its_server(
    postgresql: PostgresqlServer, resolved: Resolved, initial: Agent
) -> None:
    with Archive.create(postgresql.new_archive()) as archive:
        archive.start_evolution(resolved, 0, initial)
        postgresql.stop()
        try:
            with pytest.raises(HomeError, match="check the address and that the server runs"):
                archive.event_id()
        finally:
            postgresql.start()
        assert archive.event_id() == 1
