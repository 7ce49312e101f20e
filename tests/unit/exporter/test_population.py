from pathlib import Path

import pytest

from cladeflow.archive import Event
from cladeflow.archive.archive import Archive
from cladeflow.archive.lease import Lease
from cladeflow.exporter.population import Population, wilson
from cladeflow.recipes import resolve
from cladeflow.records import Agent, digest


def agent(name: str, gen: int, *parents: Agent) -> Agent:
    weights = {"actor": f"file:///{name}#{digest(name)}"}
    return Agent(gen=gen, weights=weights, parents=tuple(parent.id for parent in parents))


INITIAL = agent("initial", 0)
ONE, TWO, THREE = agent("one", 1, INITIAL), agent("two", 2, INITIAL), agent("three", 3, INITIAL)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    made = Archive.create(f"sqlite:///{tmp_path / 'archive.db'}")
    made.start_evolution(resolve("star", scale="tiny"), 0, INITIAL)
    return made


def decided(
    child: Agent, gates: dict[str, str], incumbent: Agent | None = None, ok: int = 0
) -> list[Event]:
    trials = {"ok": ok, "fail": 10 - ok}
    return [
        Event.added(child),
        Event(key=f"evaluated/{child.id}", kind="evaluated", agent_id=child.id, payload=trials),
        Event(
            key=f"decided/{child.id}",
            kind="rejected" if incumbent is None else "promoted",
            agent_id=child.id,
            incumbent_id=incumbent and incumbent.id,
            payload={"gates": gates},
        ),
    ]


def value(population: Population, name: str, **labels: str) -> float:
    return population.metrics.value(f"cladeflow_{name}", **labels)


def test_an_evolution_is_followed_from_event_to_event(archive: Archive) -> None:
    population, late = Population(), Population()
    population.refresh(archive)
    assert population.recipe == "star" and len(population.evolution) == 12
    assert value(population, "archive_agents", status="valid") == 1
    assert value(population, "champion_generations") == 0

    archive.record(decided(ONE, {"threshold_gate": "pass"}, INITIAL, ok=6))
    population.refresh(archive)
    archive.record(decided(TWO, {"threshold_gate": "fail"}, ok=2))
    archive.record(decided(THREE, {"threshold_gate": "fail"}, ok=5))
    for reader in (population, late):
        reader.refresh(archive)
        assert value(reader, "champion_generations") == 1
        assert value(reader, "champion_age_generations") == 2
        assert value(reader, "champion_score_ratio") == 0.6
        assert value(reader, "unpromoted_generations") == 2
        assert value(reader, "failed_gate_generations") == 2
        assert value(reader, "archive_depth_generations") == 1
        assert value(reader, "archive_events_total", kind="rejected") == 2
        assert value(reader, "champion_changes_total", kind="promoted") == 1
        assert value(reader, "champion_changes_total", kind="rolled_back") == 0
        assert value(reader, "archive_score_ratio", rank="best") == 0.6
        assert value(reader, "archive_score_ratio", rank="median") == 0.5
        assert value(reader, "archive_clade_score_ratio", rank="champion") == 0.6
        assert reader.children(2) == {TWO.behaviour}
        assert {INITIAL.behaviour, ONE.behaviour, THREE.behaviour} <= reader.recent


def test_a_child_that_only_lacks_an_approval_is_waiting(archive: Archive) -> None:
    gates = {"threshold_gate": "pass", "human_approval": "inconclusive"}
    failed = {"threshold_gate": "fail", "human_approval": "inconclusive"}
    archive.record([*decided(ONE, gates), *decided(TWO, failed)])
    population = Population()
    population.refresh(archive)
    assert value(population, "pending_approvals") == 1
    assert value(population, "unpromoted_generations") == 2
    archive.record([Event(key="approved/1", kind="approved", agent_id=ONE.id)])
    population.refresh(archive)
    assert value(population, "pending_approvals") == 0
    assert value(population, "unpromoted_generations") == 2
    promoted = {"agent_id": ONE.id, "incumbent_id": INITIAL.id}
    archive.record([Event(key="promoted/1", kind="promoted", **promoted)])
    population.refresh(archive)
    assert value(population, "unpromoted_generations") == 1


def test_nobody_waits_to_replace_a_champion_that_has_gone(archive: Archive) -> None:
    archive.record(decided(ONE, {"human_approval": "inconclusive"}))
    archive.record(decided(TWO, {"always": "pass"}, INITIAL))
    population = Population()
    population.refresh(archive)
    assert value(population, "pending_approvals") == 0


def test_whoever_holds_the_lease_is_running(archive: Archive) -> None:
    population = Population()
    with Lease(archive):
        population.refresh(archive)
        assert population.running
    population.refresh(archive)
    assert not population.running


def test_wilsons_interval_of_a_known_case() -> None:
    assert wilson(8, 10) == (pytest.approx(0.4901625, abs=1e-5), pytest.approx(0.9433178, abs=1e-5))
    assert wilson(0, 5)[0] == pytest.approx(0)


def test_whoever_something_happens_to_may_have_been_evaluated(archive: Archive) -> None:
    population = Population()
    archive.record([*decided(ONE, {}), *decided(TWO, {})])
    population.refresh(archive)
    assert population.touched == {a.behaviour for a in (INITIAL, ONE, TWO)}
    population.touched.clear()
    archive.record([Event(key="tested/1", kind="tested", agent_id=ONE.id)])
    population.refresh(archive)
    assert population.touched == {ONE.behaviour}
