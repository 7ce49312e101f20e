"""Counters of agents and clades: by hand, and against a recount whatever the order of events."""

import shutil
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cladeflow.archive import Columns, Event, Tally
from cladeflow.archive.archive import Archive
from cladeflow.archive.cache import ColumnCache
from cladeflow.archive.events import CHAMPION_CHANGES
from cladeflow.errors import HomeError
from cladeflow.recipes.model import Resolved
from cladeflow.records import Agent

NewArchive = Callable[[], Archive]


def evaluated(agent: Agent, ok: int, fail: int, key: str = "") -> Event:
    trials = {"ok": ok, "fail": fail}
    key = f"evaluated/{agent.id}/{key}"
    return Event(key=key, kind="evaluated", agent_id=agent.id, payload=trials)


def tally(archive: Archive, agent: Agent) -> Tally:
    return archive.agent(agent.id).tally


def test_a_clade_counts_an_agent_that_two_paths_lead_to_once(
    archive: Archive, initial: Agent, make_agent: Any
) -> None:
    left, right = make_agent("left", initial), make_agent("right", initial)
    joined = make_agent("joined", left, right, gen=2)
    archive.record([evaluated(initial, 1, 9)])
    archive.record([Event.added(left), evaluated(left, 4, 6), Event.added(right)])
    archive.record([Event.added(joined), evaluated(joined, 7, 3)])
    assert tally(archive, joined) == Tally(7, 3, 0, 7, 3)
    assert tally(archive, right) == Tally(0, 0, 1, 7, 3)
    assert tally(archive, left) == Tally(4, 6, 1, 11, 9)
    assert tally(archive, initial) == Tally(1, 9, 2, 12, 18)
    archive.record([evaluated(left, 1, 0, "again"), evaluated(right, 0, 2), evaluated(left, 4, 6)])
    assert tally(archive, initial) == Tally(1, 9, 2, 13, 20)
    assert tally(archive, left) == Tally(5, 6, 1, 12, 9)
    assert tally(archive, joined) == Tally(7, 3, 0, 7, 3)


def test_a_child_of_the_same_parent_twice_is_one_child(
    archive: Archive, initial: Agent, make_agent: Any
) -> None:
    child = make_agent("selfed", initial, initial)
    archive.record([Event.added(child), evaluated(child, 2, 1)])
    assert tally(archive, initial) == Tally(0, 0, 1, 2, 1)


def test_only_who_makes_it_champion_ends_a_quarantine(
    archive: Archive, initial: Agent, make_agent: Any
) -> None:
    child = make_agent("child", initial)

    def happens(kind: Any, over: Agent | None = None, key: str = "") -> str:
        incumbent = over.id if over else None
        named = {"key": kind + key, "agent_id": child.id, "incumbent_id": incumbent}
        archive.record([Event(kind=kind, **named)])
        return archive.agent(child.id).status

    archive.record([Event.added(child)])
    assert archive.agent(child.id).status == "candidate"
    assert happens("evaluated") == "valid"
    assert happens("rejected") == "rejected"
    assert happens("evaluated", key="again") == "rejected"
    assert happens("promoted", initial) == "promoted"
    assert happens("quarantined") == "quarantined"
    back = Event(key="back", kind="rolled_back", agent_id=initial.id, incumbent_id=child.id)
    archive.record([back])
    assert archive.agent(child.id).status == "quarantined"
    assert happens("rejected", key="again") == "quarantined"
    assert happens("promoted", initial, key="again") == "promoted"


def test_columns_are_of_one_moment_and_the_same_until_something_happens(
    archive: Archive, initial: Agent, make_agent: Any
) -> None:
    child = make_agent("child", initial)
    before = archive.columns()
    assert archive.columns() is before
    archive.record([Event.added(child)])
    archive.record([evaluated(child, 3, 1)])
    after = archive.columns()
    assert (list(before.ids), list(after.ids)) == ([initial.id], [initial.id, child.id])
    assert after.ids[-1] == child.id and before.ids[-1:] == [initial.id]
    assert before.clade_ok.tolist() == [0] and after.clade_ok.tolist() == [3, 3]
    with pytest.raises(ValueError, match="read-only"):
        after.ok[0] = 7


def test_what_a_failed_refresh_left_out_comes_with_the_next(
    archive: Archive, initial: Agent, make_agent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise HomeError("the connection broke")

    archive.columns()
    archive.record([Event.added(make_agent("first", initial))])
    with monkeypatch.context() as broken, pytest.raises(HomeError):
        broken.setattr(ColumnCache, "_follow", fail)
        archive.columns()
    second = make_agent("second", initial)
    archive.record([Event.added(second), evaluated(second, 1, 2)])
    columns = archive.columns()
    assert columns.children.tolist() == [2, 0, 0]
    assert columns.clade_fail.tolist() == [2, 0, 2]


@pytest.fixture
def new_sqlite(tmp_path: Path, resolved: Resolved, initial: Agent) -> NewArchive:
    """Archives of one evolution, copied because migrating takes longer than everything else."""
    template = tmp_path / "template.db"
    with Archive.create(f"sqlite:///{template}") as archive:
        archive.start_evolution(resolved, 0, initial)

    def new() -> Archive:
        copied = shutil.copy(template, tmp_path / f"{uuid4().hex}.db")
        return Archive.open(f"sqlite:///{copied}")

    return new


@pytest.fixture
def new_postgresql(postgresql: Any, resolved: Resolved, initial: Agent) -> NewArchive:
    def new() -> Archive:
        archive = Archive.create(postgresql.new_archive())
        archive.start_evolution(resolved, 0, initial)
        return archive

    return new


KINDS = st.sampled_from(
    ["added", "evaluated", "evaluated", "rejected", "quarantined", "promoted", "rolled_back"]
)
FIXTURES = [HealthCheck.function_scoped_fixture]


@settings(max_examples=20, suppress_health_check=FIXTURES)
@given(data=st.data())
def test_counters_on_sqlite_equal_a_recount(
    data: st.DataObject, new_sqlite: NewArchive, initial: Agent, make_agent: Any
) -> None:
    with new_sqlite() as archive:
        replay(data, archive, initial, make_agent)


@settings(max_examples=5, suppress_health_check=FIXTURES)
@given(data=st.data())
def test_counters_on_postgresql_equal_a_recount(
    data: st.DataObject, new_postgresql: NewArchive, initial: Agent, make_agent: Any
) -> None:
    with new_postgresql() as archive:
        replay(data, archive, initial, make_agent)


def replay(data: st.DataObject, archive: Archive, initial: Agent, make_agent: Any) -> None:
    """Let things happen in random order, told in random batches, some of them again and again."""
    happened = list(history(data, initial, make_agent))
    agents = {initial.id: initial} | {e.agent_id: e.agent for e in happened if e.agent}
    told = 0
    while told < len(happened):
        more = data.draw(st.integers(1, len(happened) - told), "batch")
        again = data.draw(st.lists(st.sampled_from(happened[: told + 1])), "told again")
        known = [event for event in again if event in happened[:told]]
        batch = [*known, *happened[told : told + more]]
        archive.record(batch * data.draw(st.integers(1, 2), "times"))
        told += more
        agree(archive, recount(happened[:told], agents))


def history(data: st.DataObject, initial: Agent, make_agent: Any) -> Any:
    """Agents with one or two parents, added and evaluated in any order, and their fates."""
    agents, champion = [initial], initial
    for n, kind in enumerate(data.draw(st.lists(KINDS, min_size=1, max_size=25), "kinds")):
        agent = data.draw(st.sampled_from(agents))
        if kind == "added":
            parents = data.draw(st.lists(st.sampled_from(agents), max_size=2, min_size=1))
            agents.append(make_agent(str(n), *parents, gen=n + 1))
            yield Event.added(agents[-1])
            continue
        over = champion.id if kind in CHAMPION_CHANGES else None
        trials = {"ok": n, "fail": 1} if kind == "evaluated" else {}
        yield Event(key=str(n), kind=kind, agent_id=agent.id, incumbent_id=over, payload=trials)
        champion = agent if over else champion


def recount(happened: list[Event], agents: dict[str, Agent]) -> dict[str, Tally]:
    """Tallies from nothing but what happened: descendants as sets, sums over them."""
    there = [next(iter(agents))] + [event.agent_id for event in happened if event.agent]
    clades = {agent_id: {agent_id} for agent_id in there}
    for _ in there:  # as often as the longest line may be
        for agent_id in there:
            for parent in agents[agent_id].parents:
                clades[parent] |= clades[agent_id]

    def trials(name: str, of: set[str]) -> int:
        found = [e for e in happened if e.kind == "evaluated" and e.agent_id in of]
        return sum(int(event.payload[name]) for event in found)

    return {
        agent_id: Tally(
            ok=trials("ok", {agent_id}),
            fail=trials("fail", {agent_id}),
            children=sum(agent_id in agents[other].parents for other in there),
            clade_ok=trials("ok", clade),
            clade_fail=trials("fail", clade),
        )
        for agent_id, clade in clades.items()
    }


def agree(archive: Archive, expected: dict[str, Tally]) -> None:
    """Tallies, and columns refreshed or read anew, are what was counted."""
    members = archive.agents()
    assert {member.agent.id: member.tally for member in members} == expected
    refreshed = archive.columns()
    counts = (getattr(refreshed, name).tolist() for name in Tally._fields)
    assert dict(zip(refreshed.ids, map(Tally, *counts), strict=True)) == expected
    anew = Columns.of(members, archive.champion().agent.id)
    for field in fields(Columns):
        found, expected_ = (np.asarray(getattr(c, field.name)) for c in (refreshed, anew))
        assert np.array_equal(found, expected_), field.name
