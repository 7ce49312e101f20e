"""Going back to an earlier champion, and who may be put in charge at all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cladeflow.archive import Event
from cladeflow.errors import CladeflowError, HomeError
from cladeflow.promote.by_hand import promote, require_fit
from cladeflow.promote.rollback import roll_back
from cladeflow.records import Agent
from cladeflow.session import Session
from cladeflow.store import materialise
from tests import model_homes as homes


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with Session(homes.found(tmp_path)) as session:
        yield session


@pytest.fixture
def line(session: Session) -> list[Agent]:
    """The initial agent and two champions after it, the present one last."""
    agents = [session.archive.agent("initial").agent]
    for gen in (1, 2):
        agents.append(homes.born(session, gen, agents[-1], ok=50))
        homes.promoted(session, agents[-1])
    return agents


def test_it_goes_back_one_champion_at_a_time_until_there_is_none(
    session: Session, line: list[Agent]
) -> None:
    archive = session.archive
    for replaced, restored in ((line[2], line[1]), (line[1], line[0])):
        assert roll_back(session, "ada@desk", why="worse") == (restored, replaced)
        assert archive.champion().agent == restored
        assert archive.agent(replaced.id).status == "rolled_back"
    change = archive.history()[-1]
    assert (change.kind, change.who, change.why) == ("rolled_back", "ada@desk", "worse")
    with pytest.raises(CladeflowError, match="nothing to roll back to: no champion came before"):
        roll_back(session, "ada@desk")
    assert len(archive.history()) == 4


def test_it_goes_to_any_former_champion_and_only_once(session: Session, line: list[Agent]) -> None:
    for _ in range(2):
        assert roll_back(session, "ada", to=line[0].id[:12]).restored == line[0]
    assert len(session.archive.history()) == 3
    assert roll_back(session, "ada", to=line[2].id).replaced == line[0], "and forward again"
    other = homes.born(session, 3, line[2])
    with pytest.raises(CladeflowError, match=f"promote {other.id[:12]}' tests it"):
        roll_back(session, "ada", to=other.id)


def test_a_quarantined_champion_is_passed_over(session: Session, line: list[Agent]) -> None:
    session.archive.record([Event(key="q", kind="quarantined", agent_id=line[1].id)])
    assert roll_back(session, "ada").restored == line[0]
    with pytest.raises(CladeflowError, match="is quarantined: it may be looked at, never"):
        roll_back(session, "ada", to=line[1].id)


def test_nothing_changes_where_the_weights_to_restore_are_not_what_they_were(
    session: Session, line: list[Agent]
) -> None:
    model = materialise(session.store, line[1].weights["actor"])
    (model / "config.json").write_text("{}")
    with Session(session.home) as other:  # which has verified nothing yet
        from cladeflow.store import refs

        refs._verified.cache_clear()
        with pytest.raises(CladeflowError, match="missing or not the model it was"):
            roll_back(other, "ada")
    assert session.archive.champion().agent == line[2]


def test_nobody_quarantined_or_without_weights_is_promoted_not_even_by_override(
    session: Session, line: list[Agent]
) -> None:
    ill, gone = (homes.born(session, 3, line[2], child=n) for n in range(2))
    session.archive.record([Event(key="q", kind="quarantined", agent_id=ill.id)])
    session.archive.record([Event(key="c", kind="collected", agent_id=gone.id)])
    with pytest.raises(CladeflowError, match="is quarantined"):
        promote(session, ill.id, "ada", override="trust me")
    with pytest.raises(HomeError, match="deleted by 'cladeflow gc'"):
        promote(session, gone.id, "ada", override="trust me")
    assert session.archive.champion().agent == line[2]
    assert require_fit(session, session.archive.agent(line[1].id)) == line[1]


def test_the_champion_is_promoted_already(session: Session, line: list[Agent]) -> None:
    found = promote(session, "champion", "ada")
    assert found.promoted and found.decisions == ()
    assert len(session.archive.history()) == 2
