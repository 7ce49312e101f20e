"""What a champion is held to, and who would take over from it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cladeflow.archive import Event
from cladeflow.plan.model import Standing
from cladeflow.plan.standing import standing
from cladeflow.recipes import load_recipe
from cladeflow.recipes.model import Entry
from cladeflow.records import Agent
from cladeflow.session import Session
from tests import model_homes as homes

STAR = load_recipe("star")
RECHECKED = STAR.model_copy(
    update={"promote": (*STAR.promote, Entry(slot="promote", name="recheck", options={"every": 2}))}
)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with Session(homes.found(tmp_path)) as session:
        yield session


def held(session: Session, generation: int = 2) -> Standing | None:
    return standing(session.archive, RECHECKED, generation)


def initial(session: Session) -> Agent:
    return session.archive.agent("initial").agent


def test_a_champion_that_passed_its_gate_is_held_to_its_own_interval(session: Session) -> None:
    first = homes.born(session, 1, initial(session), ok=60)
    homes.promoted(session, first)
    second = homes.born(session, 2, first, ok=70)
    homes.promoted(session, second)
    found = held(session)
    assert found is not None
    assert (found.promised.value, found.promised.lo) == (0.7, 0.65)
    assert found.restored == first


def test_one_promoted_otherwise_is_held_to_the_best_of_its_line(session: Session) -> None:
    good = homes.born(session, 1, initial(session), ok=60)
    homes.promoted(session, good)
    bad = homes.born(session, 2, good, ok=20)
    homes.promoted(session, bad, outcome="fail")
    found = held(session)
    assert found is not None and (found.promised.value, found.restored) == (0.6, good)
    heir = homes.born(session, 3, bad, ok=30)
    homes.promoted(session, heir)
    found = held(session)
    assert found is not None and (found.promised.value, found.restored) == (0.6, good)


def test_nobody_takes_over_who_is_quarantined(session: Session) -> None:
    first = homes.born(session, 1, initial(session), ok=60)
    second = homes.born(session, 1, initial(session), ok=70, child=1)
    for agent in (first, second):
        homes.promoted(session, agent)
    session.archive.record([Event(key="q", kind="quarantined", agent_id=first.id)])
    found = held(session)
    assert found is not None and found.restored == initial(session)


def test_nothing_is_held_where_it_is_not_due_or_nobody_came_before(session: Session) -> None:
    assert held(session) is None
    homes.promoted(session, homes.born(session, 1, initial(session), ok=60))
    assert held(session, generation=3) is None
    assert standing(session.archive, STAR, 2) is None
    assert held(session) is not None
