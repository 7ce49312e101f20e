"""What the plan reads from the archive's events."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cladeflow.archive import Event, Recorded
from cladeflow.archive.archive import Archive
from cladeflow.plan.model import CellStats, Population
from cladeflow.plan.stage import _measured, _statistics, make_plan
from cladeflow.session import Session
from tests import model_homes as homes


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with Session(homes.found(tmp_path)) as session:
        yield session


def again(archive: Archive, agent_id: str, key: str, **payload: Any) -> None:
    """One more evaluation of an agent."""
    event = Event(
        key=f"evaluated/{agent_id}/{key}",
        kind="evaluated",
        agent_id=agent_id,
        payload={"ok": 0, "fail": 0, **payload},
    )
    archive.record([event])


def test_statistics_keep_the_last_generation_and_the_history() -> None:
    first = {"a": {"n": 10, "mean": 0.2}, "b": {"n": 5, "mean": 0.9}}
    second: dict[str, Any] = {"a": {"n": 20, "mean": 0.4}}
    assert _statistics([first, second]) == {
        "a": CellStats(n=20, mean=0.4, history=(0.2, 0.4)),
        "b": CellStats(n=0, mean=0.0, history=(0.9,)),
    }
    assert _statistics([]) == {}


def test_measures_are_those_of_the_agent_that_is_started_from(session: Session) -> None:
    archive = session.archive
    initial = archive.agent("initial").agent
    ones = [homes.born(session, 1, initial, child=n, ok=1) for n in range(2)]
    for n, agent in enumerate([initial, *ones]):
        again(archive, agent.id, "first", exploration={"balance": 0.1 * (n + 1)})
        again(archive, agent.id, "later", ok=1, fail=0)
    assert _measured(archive, [initial.id]) == {"balance": 0.1}
    assert _measured(archive, [ones[0].id]) == {"balance": 0.2}
    assert _measured(archive, ["stranger"]) == {}
    found = _measured(archive, [initial.id, ones[1].id, "stranger"])
    assert found == {"balance": pytest.approx(0.2)}


def test_a_plan_reads_the_evaluations_that_it_needs_and_no_others(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = session.archive
    parent = archive.agent("initial").agent
    for gen in range(1, 4):
        children = [homes.born(session, gen, parent, child=n, ok=gen) for n in range(5)]
        again(archive, children[0].id, "cells", cells={"a": {"n": 1, "mean": gen / 4}})
        homes.promoted(session, children[0])
        parent = children[0]
    read: list[Recorded] = []
    plain = Archive.events

    def spied(self: Archive, *args: Any, **fields: Any) -> list[Recorded]:
        found = plain(self, *args, **fields)
        read.extend(event for event in found if event.kind == "evaluated")
        return found

    monkeypatch.setattr(Archive, "events", spied)
    plan = make_plan(archive, 4, Population())
    assert plan.stats["a"].history == (0.25, 0.5, 0.75)
    first = {m.agent.id for m in archive.agents() if m.child == 0}
    needed = first | {agent.id for agent in plan.parents} | {plan.incumbent.id}
    assert {event.agent_id for event in read} <= needed
