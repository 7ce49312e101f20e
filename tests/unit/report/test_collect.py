"""What is collected of an archive is what the archive says, however much else is missing."""

import pytest

from cladeflow.archive import Event
from cladeflow.report import Report, collect
from cladeflow.session import Session
from tests.populations import TASKS, populated

AGENTS = 41


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return Session(populated(tmp_path_factory.mktemp("home"), AGENTS))


@pytest.fixture(scope="module")
def report(session: Session) -> Report:
    """After a rollback at the end."""
    archive = session.archive
    now, before = archive.champion().agent, archive.agent("previous").agent
    back = Event(
        key="back", kind="rolled_back", agent_id=before.id, incumbent_id=now.id, why="worse"
    )
    archive.record([back])
    return collect(session)


def test_every_agent_is_there_with_its_counts(session: Session, report: Report) -> None:
    members = session.archive.agents()
    assert len(members) == AGENTS == len(report.agents)
    for node, member in zip(report.agents, members, strict=True):
        assert (node.id, node.generation) == (member.agent.id, member.agent.gen)
        assert (node.parents, node.status) == (member.agent.parents, member.status)
        counts = (node.ok, node.fail, node.children, node.clade_ok, node.clade_fail)
        assert counts == member.tally
    assert any(len(node.parents) == 2 for node in report.agents)
    fates = {e.agent_id: e for e in session.archive.events(kinds=["promoted", "rejected"])}
    decided = {node.id: node.decided for node in report.agents if node.decided}
    assert {key: one.why for key, one in decided.items()} == {k: e.why for k, e in fates.items()}
    assert {key for key, one in decided.items() if one.outcome == "promoted"} == {
        key for key, event in fates.items() if event.kind == "promoted"
    }


def test_the_champion_is_followed_through_promotions_and_rollbacks(
    session: Session, report: Report
) -> None:
    archive = session.archive
    assert report.champion == archive.champion().agent.id == archive.history()[-1].agent_id
    assert [change.kind for change in report.champions][-1] == "rolled_back"
    assert len(report.reigning) == report.generations + 1
    ends = {e.agent_id: e.id for e in archive.events(kinds=["promoted", "rejected"])}
    for generation, champion in enumerate(report.reigning[:-1]):
        last = [a.id for a in report.agents if a.generation == generation][-1]
        assert champion == archive.champion(ends.get(last, 0)).agent.id
    assert report.reigning[-1] == report.champion
    assert set(report.line) == {m.agent.id for m in archive.lineage(report.champion)}


def test_measures_of_rollouts_have_the_bounds_that_the_archive_recorded(report: Report) -> None:
    _, first, *_, last = report.agents
    assert (first.generation, last.generation) == (1, 4)
    old, new = first.exploration["positive_rate"], last.exploration["positive_rate"]
    assert (old.lo, old.hi, old.n) == (None, None, None), "none were recorded at first"
    assert (new.lo, new.hi, new.n) == (
        pytest.approx(new.value - 0.02),
        pytest.approx(new.value + 0.02),
        TASKS,
    )


def test_generations_without_commits_are_one_gap(report: Report) -> None:
    (gap,) = report.gaps
    assert gap.where == f"generation 1 to {report.generations}"
    assert "its commits are not all there" in gap.why
    assert (report.evaluated, report.costs, report.task, report.learned) == ((), (), None, ())
