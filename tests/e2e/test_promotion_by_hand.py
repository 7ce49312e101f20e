"""What an operator does with champions: promote, roll back, move an alias, look back, clean up."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from cladeflow.archive import Event
from cladeflow.archive.archive import Archive
from cladeflow.home import Home
from cladeflow.records import Agent
from cladeflow.runners import inline
from cladeflow.session import Session
from cladeflow.store import directory_ref, materialise
from cladeflow.tracking.client import tracking_client
from cladeflow.tracking.view import evolution_name, model_name
from cladeflow.visit import Visit
from tests.command_line import Ran, cladeflow
from tests.e2e.conftest import SETTINGS

GATED = (
    "promote=[threshold_gate, {recheck: {every: 2}}]",
    "evaluate=[{benchmark_suite: {tasks: 6, samples: 1, k: 1, cells: {chain: {2: 6}}}}]",
)


def answer(*arguments: object) -> Any:
    ran = cladeflow(*arguments, "--json")
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


def history(home: Path) -> list[tuple[str, str]]:
    """Kind and agent of every change of champion."""
    return [(c["kind"], c["agent_id"]) for c in answer("history", "--home", home)]


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of one generation whose child passed no gate: it is too like its parent."""
    home = tmp_path_factory.mktemp("gated") / "home"
    settings = [part for setting in GATED for part in ("--set", setting)]
    ran = cladeflow(
        *("evolve", "--home", home, "--generations", 1, "--deterministic", *SETTINGS, *settings)
    )
    assert ran.code == 0, ran.err
    assert history(home) == []
    return home


@pytest.fixture
def mine(gated: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(gated, tmp_path / "home"))


def child(home: Path) -> str:
    with Archive.open(Home(home).archive_url) as archive:
        return archive.agents()[1].agent.id


def planted(home: Path) -> Agent:
    """An agent in the archive that has unlearned everything: its output layer is all zeros."""
    import torch
    from safetensors.torch import load_file, save_file

    with Session(Home(home)) as session:
        initial = session.archive.agent("initial").agent
        model = home / "planted"
        shutil.copytree(materialise(session.store, initial.weights["actor"]), model)
        [file] = model.glob("*.safetensors")
        weights = {name: torch.zeros_like(part) for name, part in load_file(file).items()}
        save_file(weights, file, metadata={"format": "pt"})
        agent = initial.model_copy(
            update={"weights": {"actor": directory_ref(model)}, "parents": (initial.id,), "gen": 1}
        )
        session.archive.record([Event.added(agent, child=1)])
    return agent


def promote(home: Path, agent: str, *more: object) -> Ran:
    return cladeflow("promote", agent[:12], "--home", home, *more)


def test_the_gates_decide_on_a_promotion_and_a_reason_overrides_them(mine: Path) -> None:
    agent = child(mine)
    refused = promote(mine, agent)
    assert refused.code == 1, refused.err
    assert "threshold_gate" in refused.out and "inconclusive" in refused.out
    assert f"{agent[:12]} is not promoted" in refused.out
    assert history(mine) == []
    with Archive.open(Home(mine).archive_url) as archive:
        tried = archive.tried_since_promotion()
    assert promote(mine, agent, "--json").code == 1
    assert promote(mine, agent, "--override", " ").code == 2

    there = promote(mine, agent, "--override", "cheaper to serve")
    assert there.code == 0, there.err
    [change] = answer("history", "--home", mine)
    assert change["agent_id"] == agent and "@" in change["who"]
    assert change["why"].startswith("override: cheaper to serve (the gates: accuracy on frontier")
    assert change["payload"]["override"] == "cheaper to serve"
    with Archive.open(Home(mine).archive_url) as archive:
        tests = archive.events(kinds=["tested"], agents=[agent])
        assert [event.payload["tried"] for event in tests] == [tried], "a repeated test counts once"
    assert "is champion already" in promote(mine, agent).out


def test_a_rollback_restores_compares_and_needs_no_mlflow(
    mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = cladeflow("rollback", "--home", mine)
    assert nothing.code == 2 and "nothing to roll back to" in nothing.err
    agent = child(mine)
    assert promote(mine, agent, "--override", "try it").code == 0
    away = mine / "mlflow.db"
    kept = away.read_bytes()
    away.write_text("no database at all, but long enough to be read as one")
    back = cladeflow("rollback", "--reason", "worse in use", "--home", mine)
    assert back.code == 0, back.err
    assert "warning: MLflow at" in back.err
    assert "is champion again, in place of" in back.out
    compared = [line.split()[:2] for line in back.out.splitlines() if "frontier" in line]
    for metric in ("accuracy", "greedy", "sampled", "worst_decile"):
        assert ["frontier", metric] in compared
    assert [kind for kind, _ in history(mine)] == ["promoted", "rolled_back"]
    away.write_bytes(kept)
    forward = answer("rollback", "--to", "2", "--home", mine)
    assert forward["restored"] == agent
    assert aliases(mine)["champion"] == 2


def registered(home: Path) -> str:
    with Archive.open(Home(home).archive_url) as archive:
        found = archive.evolution
    return model_name(evolution_name(found.recipe, found.uid), "actor")


def aliases(home: Path) -> dict[str, int]:
    with tracking_client(Home(home).tracking_uri) as client:
        found: dict[str, int] = client.get_registered_model(registered(home)).aliases
    return {alias: int(version) for alias, version in found.items()}


def test_an_alias_moved_in_mlflow_counts_and_can_be_rolled_back(mine: Path) -> None:
    agent = child(mine)
    with tracking_client(Home(mine).tracking_uri) as client:
        client.set_registered_model_alias(registered(mine), "champion", "2")
    ran = cladeflow("evolve", "--home", mine, "--generations", 2, "--deterministic")
    assert ran.code == 0, ran.err
    [(kind, moved_to)] = history(mine)
    assert (kind, moved_to) == ("promoted_external", agent)
    assert "promoted (external)" in cladeflow("history", "--home", mine).out
    with Session(Home(mine)) as session:
        plan = Visit(session).plan(2)
    assert plan.incumbent.id == agent and [parent.id for parent in plan.parents] == [agent]

    back = answer("rollback", "--home", mine)
    assert back["replaced"] == agent and back["restored"] == plan.initial.id
    assert [kind for kind, _ in history(mine)] == ["promoted_external", "rolled_back"]
    assert aliases(mine)["champion"] == 1


def test_a_champion_that_does_not_hold_is_rolled_back_and_a_sound_one_stays(
    mine: Path, tmp_path: Path
) -> None:
    sound = Path(shutil.copytree(mine, tmp_path / "sound"))
    good, bad = child(sound), planted(mine)
    for home, agent in ((mine, bad.id), (sound, good)):
        assert promote(home, agent, "--override", "planted").code == 0
    evolved = cladeflow("evolve", "--home", sound, "--generations", 2, "--deterministic")
    assert evolved.code == 0, evolved.err
    assert history(sound) == [("promoted", good)]

    with Session(Home(mine)) as session:
        visit = Visit(session)
        for node in visit.nodes(2)[:-1]:
            visit.commit(node)
    moved = Path(shutil.copytree(mine, tmp_path / "moved"))
    with Session(Home(mine)) as session:
        for _ in range(2):  # the second time finds everything done
            inline.run(session, 2)
        initial = session.archive.evolution.initial
        *_, back = session.archive.history()
        assert (back.kind, back.incumbent_id, back.agent_id) == ("rolled_back", bad.id, initial)
        assert back.why.startswith("recheck in generation 2: accuracy on 6 fresh tasks of frontier")
        assert len(session.archive.history()) == 2
        assert session.archive.agents()[-1].status == "rejected"

    with Session(Home(moved)) as session:  # somebody else has put it right meanwhile
        swap = {"agent_id": initial, "incumbent_id": bad.id}
        session.archive.record([Event(key="by hand", kind="rolled_back", who="ada", **swap)])
        inline.run(session, 2)
        assert [c.who for c in session.archive.history()][1:] == ["ada"]


def test_what_gc_took_says_so_and_everything_else_goes_on(mine: Path) -> None:
    agent = child(mine)
    preview = answer("gc", "--keep", 0, "--dry-run", "--home", mine)
    assert preview["agents"] == [agent] and preview["bytes"] > 1_000_000
    assert cladeflow("pin", agent[:12], "--home", mine).code == 0
    assert answer("gc", "--keep", 0, "--dry-run", "--home", mine)["agents"] == []
    assert cladeflow("unpin", agent[:12], "--home", mine).code == 0
    ran = cladeflow("gc", "--keep", 0, "--home", mine)
    assert ran.code == 0 and "MB freed" in ran.out, ran.err
    for command in (
        ("solve", "chain 47+6-9", "--agent", agent),
        ("export", agent, mine / "exported"),
        ("pin", agent),
    ):
        refused = cladeflow(*command, "--home", mine)
        assert refused.code == 2 and "deleted by 'cladeflow gc'" in refused.err, command
    assert len(answer("generations", "--home", mine)) == 2
    evolved = cladeflow("evolve", "--home", mine, "--generations", 2, "--deterministic")
    assert evolved.code == 0 and "warning" not in evolved.err, evolved.err
