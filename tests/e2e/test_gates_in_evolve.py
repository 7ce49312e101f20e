"""Gates on the way through ``evolve``: the reserve, a person's approval, dominance."""

from pathlib import Path

from cladeflow.archive.archive import Archive
from cladeflow.archive.events import EventKind
from cladeflow.home import Home
from cladeflow.plan.model import Population
from cladeflow.plan.stage import make_plan
from cladeflow.promote import by_hand
from cladeflow.promote.rollback import roll_back
from cladeflow.session import Session
from cladeflow.visit import Visit
from tests.command_line import Ran, cladeflow
from tests.micro import MICRO
from tests.ssh_keys import allow, make_key

OPEN = "{threshold_gate: {bar: -2}}"
"""A gate that every child passes which is not the incumbent itself."""
RESERVE = "{threshold_gate: {bar: -2, reserve: {tasks: 2, uses: %d}}}"


def evolve(home: Path, gates: str, generations: int = 1) -> Ran:
    settings = [part for one in (*MICRO, f"promote=[{gates}]") for part in ("--set", one)]
    return cladeflow(
        "evolve", "--home", home, "--generations", generations, "--deterministic", *settings
    )


def events(home: Path, *kinds: EventKind) -> list[tuple[str, dict[str, object], str]]:
    with Archive.open(Home(home).archive_url) as archive:
        return [(e.kind, e.payload, e.why) for e in archive.events(kinds=kinds)]


def test_a_winner_is_tested_on_the_reserve_until_it_is_spent(tmp_path: Path) -> None:
    ran = evolve(tmp_path, RESERVE % 1, generations=2)
    assert ran.code == 0, ran.err
    (first, used, why), (second, unused, spent) = events(tmp_path, "promoted", "rejected")
    assert (first, used["reserve"], second) == ("promoted", 0, "rejected")
    assert "re-test on the reserve: accuracy on frontier" in why
    assert "block 1 of 1 of the reserve was used" in why
    assert "reserve" not in unused and "the reserve is spent: all of its 1 blocks" in spent
    with Archive.open(Home(tmp_path).archive_url) as archive:
        assert make_plan(archive, 3, Population()).reserve_used == 1


def test_tests_by_hand_take_the_next_blocks_of_the_reserve_and_log_them(tmp_path: Path) -> None:
    home = tmp_path / "home"
    allow(home / "allowed_signers", ada=make_key(tmp_path / "ada"))
    ran = evolve(home, f"{RESERVE % 4}, human_approval")
    assert ran.code == 0, ran.err
    ((_, used, _),) = events(home, "rejected")
    assert used["reserve"] == 0

    def ask(name: str, override: str | None = None) -> tuple[str, bool]:
        with Session(Home(home)) as session:
            found = by_hand.promote(session, name, "ada", override)
        return found.decisions[1].reasons[-1], found.promoted

    def logged() -> list[object]:
        return [payload.get("reserve") for _, payload, _ in events(home, "tested")]

    with Archive.open(Home(home).archive_url) as archive:
        child = archive.agents()[1].agent.id
    # It waits for a signature; asked again, and overridden, it is the test that it was.
    second = "block 2 of 4 of the reserve was used"
    assert [ask(child), ask(child), ask(child, "urgent")] == [
        (second, False),
        (second, False),
        (second, True),
    ]
    assert logged() == [1]
    with Session(Home(home)) as session:  # the next generation is planned to take the third
        assert Visit(session).plan(2).reserve_used == 2
    assert ask("initial") == ("block 4 of 4 of the reserve was used", False)
    with Session(Home(home)) as session:
        roll_back(session, "ada")
    spent = cladeflow("promote", child, "--home", home)
    assert spent.code == 1, spent.err
    assert "inconclusive" in spent.out and "the reserve is spent" in " ".join(spent.out.split())
    assert logged() == [1, 3, None]


def test_a_child_waits_for_approval_and_is_promoted_by_the_next_command(tmp_path: Path) -> None:
    home, gates = tmp_path / "home", f"{OPEN}, human_approval"
    ran = evolve(home, gates)
    assert ran.code == 2 and "allowed_signers cannot be read" in ran.err
    assert not (home / "archive.db").exists()

    allow(home / "allowed_signers", ada=make_key(tmp_path / "ada"))
    ran = evolve(home, gates)
    assert ran.code == 0, ran.err
    ((kind, payload, why),) = events(home, "promoted", "rejected")
    assert (kind, payload["gates"]) == (
        "rejected",
        {"threshold_gate": "pass", "human_approval": "inconclusive"},
    )
    assert "waits for approval: cladeflow approve" in why
    child = why.rsplit(" ", 1)[1]

    stranger = cladeflow("approve", child, "--home", home, "--key", make_key(tmp_path / "eve"))
    assert stranger.code == 2 and "of nobody in" in stranger.err
    nobody = cladeflow("approve", "initial", "--home", home, "--key", tmp_path / "ada")
    assert nobody.code == 2 and "does not wait for approval" in nobody.err
    ran = cladeflow("approve", child, "--home", home, "--key", tmp_path / "ada")
    assert ran.code == 0 and "approved by ada" in ran.out, ran.err

    ran = evolve(home, gates)
    assert ran.code == 0 and "is promoted: ada approved it" in ran.err
    assert [kind for kind, *_ in events(home, "approved", "promoted")] == ["approved", "promoted"]
    with Archive.open(Home(home).archive_url) as archive:
        assert archive.champion().agent.id.startswith(child)
        assert archive.history()[0].who == "ada"


def test_pareto_gate_decides_on_a_run(tmp_path: Path) -> None:
    ran = evolve(tmp_path, "pareto_gate")
    assert ran.code == 0, ran.err
    ((_, payload, why),) = events(tmp_path, "promoted", "rejected")
    assert set(payload["gates"]) == {"pareto_gate"}  # type: ignore[arg-type]
    assert "worse: " in why or "better: " in why or "for certain" in why


def test_doctor_says_what_a_gate_detects() -> None:
    ran = cladeflow("doctor", "--gate", "star")
    assert ran.code == 0, ran.err
    assert "threshold_gate" in ran.out and "frontier/accuracy" in ran.out and "95.00%" in ran.out
