"""A home whose stored recipe asks for what this version does not have: said, and nothing done."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import cladeflow
from tests.populations import populated

Change = Callable[[dict[str, Any]], object]
CHANGES: dict[str, tuple[Change, str]] = {
    "an option": (
        lambda content: content["recipe"]["promote"][0]["options"].update(retention_drop=0.1),
        "promote.threshold_gate: unknown key 'retention_drop'",
    ),
    "a value": (
        lambda content: content["recipe"]["promote"][0]["options"].update(confidence=7),
        "promote.threshold_gate: confidence: Input should be less than",
    ),
    "a strategy": (
        lambda content: content["recipe"]["selection"].update(name="astrology"),
        "selection 'astrology'",
    ),
    "a key of the scale": (
        lambda content: content["scale"].update(moons=2),
        "scale.moons: Extra inputs are not permitted",
    ),
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return populated(tmp_path / "home", 3).directory


@pytest.mark.parametrize("change", CHANGES)
def test_the_home_the_place_and_the_way_out_are_named(
    home: Path, tmp_path: Path, change: str
) -> None:
    make, expected = CHANGES[change]
    with closing(sqlite3.connect(home / "archive.db")) as db, db:
        (text,) = db.execute("select resolved from evolution").fetchone()
        make(content := json.loads(text))
        db.execute("update evolution set resolved = ?", (json.dumps(content),))
    for command in (
        ["report", "--out", tmp_path / "page.html"],
        ["status"],
        ["generations"],
        ["promote", "champion"],
        ["evolve"],
        ["evolve", "--set", "scale.tasks=7"],
    ):
        ran = cladeflow(*command, "--home", home)
        assert ran.code == 2
        assert ran.err.startswith(f"cladeflow: {home} was started by another version of Cladeflow")
        assert expected in ran.err and "start anew with another --home" in ran.err
    assert not (tmp_path / "page.html").exists()
