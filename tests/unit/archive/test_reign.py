"""Who was champion when, and what is pinned."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import update

from cladeflow.archive import Event
from cladeflow.archive.archive import Archive
from cladeflow.archive.reign import moment, reign
from cladeflow.archive.schema import events, evolution
from cladeflow.errors import CladeflowError, HomeError
from cladeflow.records import Agent

DAY = "2026-05-{:02}T12:00:00+00:00"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-05-01", datetime(2026, 5, 1, 23, 59, 59, tzinfo=UTC)),
        ("2026-05-01T12:30", datetime(2026, 5, 1, 12, 30, tzinfo=UTC)),
        ("2026-05-01T12:30+02:00", datetime(2026, 5, 1, 10, 30, tzinfo=UTC)),
    ],
)
def test_a_moment_is_read_as_utc_and_a_day_as_its_end(text: str, expected: datetime) -> None:
    assert moment(text) == expected


@pytest.mark.parametrize(
    "text", ["yesterday", "2026-13-01", "01.05.2026", "", "0001-01-01T00:00+14:00"]
)
def test_what_is_no_date_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(CladeflowError, match=r"is no date: write 2026-05-01"):
        moment(text)


@pytest.fixture
def changed(archive: Archive, initial: Agent, make_agent: Any) -> tuple[Archive, Agent]:
    """Founded on the first of May, a promotion on the third, a rollback on the fifth."""
    child = make_agent("child", initial)
    swap = {"agent_id": child.id, "incumbent_id": initial.id}
    back = {"agent_id": initial.id, "incumbent_id": child.id}
    archive.record(
        [
            Event.added(child),
            Event(key="up", kind="promoted", **swap),
            Event(key="back", kind="rolled_back", who="ada@desk", why="worse", **back),
        ]
    )
    with archive.database.write() as db:
        db.execute(update(evolution).values(created=DAY.format(1)))
        for key, day in (("up", 3), ("back", 5)):
            db.execute(update(events).where(events.c.key == key).values(created=DAY.format(day)))
    return archive, child


def test_history_knows_the_champion_of_a_day(
    changed: tuple[Archive, Agent], initial: Agent
) -> None:
    archive, child = changed
    reigns = {day: reign(archive, moment(f"2026-05-{day:02}")) for day in (1, 2, 3, 4, 5, 9)}
    assert [reigns[day].agent_id for day in reigns] == [
        *[initial.id] * 2, *[child.id] * 2, *[initial.id] * 2
    ]  # fmt: skip
    assert (reigns[2].since, reigns[2].until) == (DAY.format(1), DAY.format(3))
    assert reigns[2].change is None
    assert (reigns[9].since, reigns[9].until) == (DAY.format(5), None)
    assert reigns[9].change is not None and reigns[9].change.why == "worse"
    at_noon = reign(archive, moment("2026-05-03T12:00"))
    assert at_noon.agent_id == child.id and at_noon.to_json()["since"] == DAY.format(3)
    assert reign(archive, moment("2026-05-03T11:59:59")).agent_id == initial.id
    with pytest.raises(CladeflowError, match="the evolution began 2026-05-01"):
        reign(archive, moment("2026-04-30"))


def test_a_pin_holds_until_it_is_taken_back(
    archive: Archive, initial: Agent, make_agent: Any
) -> None:
    child = make_agent("child", initial)
    archive.record([Event.added(child)])
    happened = [("pinned", initial), ("pinned", child), ("unpinned", initial)]
    for n, (kind, agent) in enumerate(happened):
        fields = {"key": str(n), "kind": kind, "agent_id": agent.id}
        archive.record([Event.model_validate(fields)])
    assert archive.pinned() == [child.id]
    assert archive.agent(child.id).status == "candidate"


def test_tests_by_hand_count_among_the_children_tried(
    archive: Archive, initial: Agent, make_agent: Any
) -> None:
    child = make_agent("child", initial)
    archive.record([Event.added(child)])
    archive.record([Event(key="t", kind="tested", agent_id=child.id)])
    assert archive.tried_since_promotion() == 2
    assert archive.agent(child.id).status == "candidate"


def test_an_agent_whose_weights_were_collected_says_so_and_is_no_parent(
    archive: Archive, initial: Agent, make_agent: Any
) -> None:
    child = make_agent("child", initial)
    evaluated = Event(key="e", kind="evaluated", agent_id=child.id, payload={"ok": 3, "fail": 1})
    archive.record([Event.added(child), evaluated])
    assert archive.columns().eligible.tolist() == [True, True]
    archive.record([Event(key="c", kind="collected", agent_id=child.id)])
    assert archive.columns().eligible.tolist() == [True, False]
    with pytest.raises(HomeError, match=r"deleted by 'cladeflow gc'; its records and reports"):
        archive.agent(child.id).usable()
    assert archive.agent("initial").usable() == initial
