"""What a user is told to do about what SQLite refuses."""

import shutil
import sqlite3
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from cladeflow.archive.sqlite import Sqlite


class Usage(NamedTuple):
    free: int


@pytest.mark.parametrize("problem", ["disk I/O error", "unable to open database file"])
@pytest.mark.parametrize(
    ("free", "advice"),
    [(0, "the disk is full; free some space"), (2**30, "is yours and can be written")],
)
def test_a_failure_of_the_disk_is_told_by_the_room_on_it(
    problem: str, free: int, advice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(free))
    archive = Sqlite(make_url(f"sqlite:///{tmp_path / 'archive.db'}"))
    explained = archive.explain(OperationalError("", {}, sqlite3.OperationalError(problem)))
    assert explained is not None
    assert str(explained).startswith(f"{tmp_path / 'archive.db'}: {problem}; ")
    assert advice in str(explained)


def test_a_directory_that_is_not_there_is_said(tmp_path: Path) -> None:
    archive = Sqlite(make_url(f"sqlite:///{tmp_path / 'none' / 'archive.db'}"))
    error = sqlite3.OperationalError("unable to open database file")
    assert "the directory exists" in str(archive.explain(OperationalError("", {}, error)))
