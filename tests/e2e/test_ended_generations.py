"""Generations that have ended: as they were under newer versions, and said to be gone if gone."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from cladeflow.archive.archive import Archive
from cladeflow.graph import Node, plan_call
from cladeflow.home import Home
from cladeflow.report import collect
from cladeflow.session import Session
from cladeflow.strategy import ROOMS, find, names
from cladeflow.tracking.collect import evolution_view
from cladeflow.views import generation_views, stage_views
from cladeflow.visit import Visit
from tests.command_line import Ran, cladeflow
from tests.micro import MICRO
from tests.ssh_keys import allow, make_key

GATES = "promote=[{threshold_gate: {bar: -2}}, human_approval]"
"""Every child waits for a person."""


def evolve(home: Path, generations: int) -> Ran:
    settings = [part for one in (*MICRO, GATES) for part in ("--set", one)]
    return cladeflow(
        "evolve", "--home", home, "--generations", generations, "--deterministic", *settings
    )


def printed(command: str, home: Path) -> Any:
    ran = cladeflow(command, "--home", home, "--json")
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


def raise_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every strategy a version of its own."""
    for kind in (find(slot, name) for slot in ROOMS for name in names(slot)):
        assert kind is not None
        monkeypatch.setattr(kind, "version", kind.version + 100)


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of two generations, both children of which wait for ada."""
    root = tmp_path_factory.mktemp("old")
    home = root / "home"
    allow(home / "allowed_signers", ada=make_key(root / "ada"))
    ran = evolve(home, 2)
    assert ran.code == 0, ran.err
    return home


@pytest.fixture
def home(old: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(old, tmp_path / "home"))


def approve(home: Path, old: Path) -> None:
    """Sign for the child of the second generation."""
    with Archive.open(Home(home).archive_url) as archive:
        child = archive.agents()[-1].agent.id
    ran = cladeflow("approve", child, "--home", home, "--key", old.parent / "ada")
    assert ran.code == 0 and "approved by ada" in ran.out, ran.err


def test_generations_and_status_say_what_they_said(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [printed(command, home) for command in ("generations", "status")]
    assert [view["generation"] for view in before[0]] == [0, 1, 2]
    raise_versions(monkeypatch)
    assert [printed(command, home) for command in ("generations", "status")] == before


def test_evolve_shows_the_old_generations_and_goes_on_to_another(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = printed("generations", home)
    raise_versions(monkeypatch)
    ran = evolve(home, 2)
    assert ran.code == 0 and "has its 2 generations" in ran.err, ran.err
    assert f" {before[2]['agent'][:12]} " in ran.out and "chain" in ran.out
    ran = evolve(home, 3)
    assert ran.code == 0, ran.err
    *same, new = printed("generations", home)
    assert same == before and new["generation"] == 3


def test_the_report_has_no_gaps(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def report() -> dict[str, Any]:
        with Session(Home(home)) as session:
            return collect(session).model_dump(exclude={"written"})

    before = report()
    assert before["gaps"] == () and len(before["evaluated"]) == 3
    raise_versions(monkeypatch)
    assert report() == before


def test_the_same_runs_are_projected_to_mlflow(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Session(Home(home)) as session:
        before = evolution_view(session)
    assert all(len(generation.stages) > 5 for generation in before.generations)
    raise_versions(monkeypatch)
    with Session(Home(home)) as session:
        assert evolution_view(session) == before


def test_an_agent_of_before_is_approved_and_promoted(
    home: Path, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raise_versions(monkeypatch)
    approve(home, old)
    ran = evolve(home, 2)
    assert ran.code == 0 and "is promoted: ada approved it" in ran.err, ran.err


def test_what_is_under_way_is_done_with_the_newer_versions(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Session(Home(home)) as session:
        visit = Visit(session)
        for node in visit.nodes(3)[:3]:
            visit.commit(node)
        old = visit.key(node.call)
    raise_versions(monkeypatch)
    with Session(Home(home)) as session:
        assert [stage.call.stage for stage in stage_views(session, 3)] == ["plan"]
    ran = evolve(home, 3)
    assert ran.code == 0, ran.err
    raise_versions(monkeypatch)
    with Session(Home(home)) as session:
        stages = stage_views(session, 3)
        rollout = next(s for s in stages if s.call.stage == "rollout")
        assert stages[-1].call.stage == "promote"
        assert f"{rollout.call.path}/{rollout.commit.input_hash}" != old
        assert Visit(session).found(Node(plan_call(4), ())) is None
        assert [view.generation for view in generation_views(session)] == [0, 1, 2, 3]


def test_an_approved_agent_whose_report_is_gone_is_not_promoted(home: Path, old: Path) -> None:
    approve(home, old)
    shutil.rmtree(home / "store/generations/2/promote")
    ran = evolve(home, 2)
    assert ran.code == 0 and "is not promoted: generation 2, which made agent" in ran.err, ran.err
    assert "restore what is missing below" in ran.err


def test_a_home_without_its_commits_says_so(home: Path) -> None:
    for promote in home.glob("store/generations/*/promote"):
        shutil.rmtree(promote)
    ran = cladeflow("generations", "--home", home)
    assert ran.code == 2 and "none of the 2 finished generations" in ran.err, ran.err
    ran = evolve(home, 2)
    assert ran.code == 0 and "cladeflow solve TASK" in ran.out, ran.err
