"""An evolution whose archive is a PostgreSQL database: named once, its password never shown."""

import json
from pathlib import Path

import pytest

from cladeflow.home import ARCHIVE_VARIABLE
from tests.command_line import cladeflow
from tests.micro import MICRO
from tests.postgresql_server import PASSWORD, PostgresqlServer

SETTINGS = [part for setting in MICRO for part in ("--set", setting)]


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command tells child processes by the environment, which is this process's own here."""
    monkeypatch.setenv(ARCHIVE_VARIABLE, "")
    monkeypatch.setenv("PGPASSWORD", PASSWORD)


@pytest.mark.slow
def test_an_evolution_runs_on_postgresql_and_its_home_knows_where(
    postgresql: PostgresqlServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, address = tmp_path / "home", postgresql.new_archive().replace(f":{PASSWORD}", "")
    options = ("--generations", 1, "--deterministic", *SETTINGS)
    ran = cladeflow("evolve", "--home", home, "--archive", address, *options)
    assert ran.code == 0, ran.err
    assert not (home / "archive.db").exists()

    monkeypatch.setenv(ARCHIVE_VARIABLE, "")
    found = json.loads(cladeflow("history", "--home", home, "--json").out)
    assert [change["kind"] for change in found] == ["promoted"]
    again = cladeflow("evolve", "--home", home, "--generations", 1)
    assert again.code == 0 and "has its 1 generations" in again.err

    monkeypatch.setenv("PGPASSWORD", "guessed")
    denied = cladeflow("status", "--home", home)
    assert denied.code == 2 and "set PGPASSWORD" in denied.err
    written = [p for p in home.rglob("*") if p.is_file() and PASSWORD.encode() in p.read_bytes()]
    assert not written


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("postgresql://ada:secret@server/a", "others can read a password on a command line"),
        ("postgresql://ada@server/a?password=secret", "others can read a password"),
        ("mysql://ada@server/a", "no archive can be at mysql://ada@server/a"),
        ("postgresql://ada@127.0.0.1:1/a", "check the address and that the server runs"),
    ],
)
def test_a_bad_archive_address(address: str, expected: str, tmp_path: Path) -> None:
    ran = cladeflow("evolve", "--home", tmp_path / "home", "--archive", address)
    assert ran.code == 2 and ran.out == "" and "Traceback" not in ran.err
    assert expected in ran.err and "secret" not in ran.err
    assert not (tmp_path / "home" / "archive.url").exists()
