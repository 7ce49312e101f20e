"""The archive's contract: exactly-once events, compare-and-swap, lineage, clear errors."""

from pathlib import Path
from typing import Any

import pytest

from cladeflow.archive import ChampionMoved, Event, Latest, Tally
from cladeflow.archive.archive import Archive
from cladeflow.errors import HomeError
from cladeflow.recipes.model import Resolved
from cladeflow.records import Agent
from cladeflow.strategy import find


def promoted(agent: Agent, over: Agent, key: str | None = None, **fields: Any) -> Event:
    key = key or f"promoted/{agent.id}"
    fields = {"kind": "promoted", **fields}
    return Event(key=key, agent_id=agent.id, incumbent_id=over.id, **fields)


def test_an_evolution_is_found_again_and_names_what_differs_from_it(
    url: str, resolved: Resolved, initial: Agent, make_agent: Any
) -> None:
    with Archive.create(url) as archive:
        first = archive.start_evolution(resolved, 0, initial)
    with Archive.open(url) as archive:
        assert archive.start_evolution(resolved, 0, initial) == first == archive.evolution
        assert [member.agent for member in archive.agents()] == [initial]
        training = resolved.scale.training.model_copy(update={"learning_rate": 0.2})
        scale = resolved.scale.model_copy(update={"training": training})
        faster = Resolved(recipe=resolved.recipe, scale=scale)
        for settings_, difference in (
            ((resolved, 1, initial), "its seed is 0, not 1"),
            ((resolved, 0, make_agent("other", gen=0)), "another model"),
            ((faster, 0, initial), r"its scale\.training\.learning_rate is .*, not 0\.2"),
        ):
            with pytest.raises(HomeError, match=difference):
                archive.start_evolution(*settings_)
        assert archive.event_id() == 1


def test_equal_evolutions_share_their_id_but_not_their_uid(
    tmp_path: Path, resolved: Resolved, initial: Agent
) -> None:
    found = []
    for name in ("a", "b"):
        with Archive.create(f"sqlite:///{tmp_path / name}.db") as archive:
            found.append(archive.start_evolution(resolved, 0, initial))
    assert found[0].id == found[1].id
    assert found[0].uid != found[1].uid


def test_recording_again_changes_nothing(archive: Archive, initial: Agent, make_agent: Any) -> None:
    child = make_agent("child", initial)
    events = [
        Event.added(child),
        Event(
            key="evaluated/1",
            kind="evaluated",
            agent_id=child.id,
            payload={"ok": 3, "fail": 1},
        ),
        promoted(child, initial),
    ]
    archive.record(events)
    before = archive.events(), archive.agents()
    archive.record(events)
    archive.record([*events, *events])
    assert (archive.events(), archive.agents()) == before
    assert archive.agent(child.id).tally == Tally(3, 1, children=0, clade_ok=3, clade_fail=1)
    assert archive.agent(initial.id).tally == Tally(0, 0, children=1, clade_ok=3, clade_fail=1)


def test_a_key_cannot_come_to_mean_something_else(
    archive: Archive, initial: Agent, make_agent: Any
) -> None:
    archive.record([Event(key="k", kind="evaluated", agent_id=initial.id)])
    with pytest.raises(HomeError, match="'k' as evaluated of"):
        archive.record([Event(key="k", kind="rejected", agent_id=initial.id)])


def test_a_promotion_against_a_former_champion_is_refused_whole(
    archive: Archive, initial: Agent, make_agent: Any
) -> None:
    first, second = make_agent("first", initial), make_agent("second", initial)
    archive.record([Event.added(first), promoted(first, initial)])
    newest = archive.event_id()
    with pytest.raises(ChampionMoved, match=f"the champion is {first.id[:12]}"):
        archive.record([Event.added(second), promoted(second, initial)])
    assert archive.event_id() == newest
    assert archive.champion().agent == first
    assert len(archive.agents()) == 2
    archive.record([promoted(first, initial)])  # recorded before: no swap, no error
    archive.record([Event.added(second), promoted(second, first)])
    assert archive.champion().agent == second
    assert archive.champion(at_event=newest).agent == first
    assert archive.champion(at_event=1).agent == initial


def test_a_batch_sees_its_own_swaps(archive: Archive, initial: Agent, make_agent: Any) -> None:
    first, second = make_agent("first", initial), make_agent("second", initial)
    added = [Event.added(first), Event.added(second)]
    with pytest.raises(ChampionMoved):
        archive.record([*added, promoted(first, initial), promoted(second, initial)])
    archive.record([*added, promoted(first, initial), promoted(second, first)])
    assert archive.champion().agent == second


def test_history_tells_who_when_why_from_and_to(
    archive: Archive, initial: Agent, make_agent: Any
) -> None:
    child = make_agent("child", initial)
    archive.record([Event.added(child), promoted(child, initial, who="ada", why="gate passed")])
    back = promoted(initial, child, "back", kind="rolled_back", who="bob", why="worse in use")
    archive.record([back])
    there, again = archive.history()
    assert (there.incumbent_id, there.agent_id) == (initial.id, child.id)
    assert (there.kind, there.who, there.why) == ("promoted", "ada", "gate passed")
    assert (again.incumbent_id, again.agent_id) == (child.id, initial.id)
    assert (again.kind, again.who, again.why) == ("rolled_back", "bob", "worse in use")
    assert there.created <= again.created
    assert archive.champion().agent == initial
    assert archive.agent(child.id).status == "rolled_back"


def test_the_champion_line_shortens_at_a_rollback(
    archive: Archive, initial: Agent, make_agent: Any
) -> None:
    line = [initial]
    for name in "abc":
        child = make_agent(name, line[-1])
        archive.record([Event.added(child), promoted(child, line[-1])])
        line.append(child)
    assert archive.champion_line() == [agent.id for agent in line]
    assert archive.agent("previous").agent == line[2]
    archive.record([promoted(line[1], line[3], "back", kind="rolled_back")])
    assert archive.champion_line() == [initial.id, line[1].id]
    assert archive.agent("champion").agent == line[1]
    assert archive.agent("previous").agent == archive.agent("initial").agent == initial


def test_before_any_promotion_the_initial_agent_is_champion_and_previous(
    archive: Archive, initial: Agent
) -> None:
    assert archive.champion() == archive.agent("previous") == archive.agent("champion")
    assert archive.champion().agent == initial


def test_children_tried_are_counted_from_the_last_promotion(
    archive: Archive, initial: Agent, make_agent: Any
) -> None:
    assert archive.tried_since_promotion() == 0
    children = [make_agent(str(n), initial) for n in range(3)]
    archive.record([Event.added(child, child=n) for n, child in enumerate(children)])
    assert archive.tried_since_promotion() == 3
    archive.record([promoted(children[0], initial)])
    assert archive.tried_since_promotion() == 0
    archive.record([Event.added(make_agent("later", children[0], gen=2))])
    archive.record([promoted(initial, children[0], "back", kind="rolled_back")])
    assert archive.tried_since_promotion() == 1


def test_lineage_follows_both_parents_and_names_each_ancestor_once(
    archive: Archive, initial: Agent, make_agent: Any
) -> None:
    left, right = make_agent("left", initial), make_agent("right", initial)
    joined = make_agent("joined", left, right, gen=2)
    archive.record([Event.added(agent) for agent in (left, right, joined)])
    ancestors = [member.agent for member in archive.lineage(joined.id)]
    assert ancestors == [joined, right, left, initial]
    assert archive.lineage(initial.id)[0].agent == initial


def test_an_agent_is_found_by_a_prefix_that_is_its_alone(
    archive: Archive, initial: Agent, make_agent: Any
) -> None:
    children = [make_agent(str(n), initial) for n in range(20)]
    archive.record([Event.added(child) for child in children])
    for child in children:
        assert archive.agent(child.id[:12]).agent == child
    by_digit: dict[str, list[str]] = {}
    for member in archive.agents():
        by_digit.setdefault(member.agent.id[0], []).append(member.agent.id)
    shared = next(digit for digit, ids in by_digit.items() if len(ids) > 1)
    with pytest.raises(HomeError, match="could be several agents"):
        archive.agent(shared)
    with pytest.raises(HomeError, match="no agent 'xyz'"):
        archive.agent("xyz")


def test_an_agent_is_added_under_its_own_key_and_nothing_else_is(
    initial: Agent, make_agent: Any
) -> None:
    child = make_agent("child", initial)
    added = Event.added(child).model_dump() | {"agent": child}
    for changed in (
        {"key": "another"},
        {"key": f"added/{initial.id}"},
        {"kind": "rejected", "agent": None},
        {"kind": "rejected", "agent": None, "agent_id": initial.id},
    ):
        with pytest.raises(ValueError, match="is the key that an agent is added under, alone"):
            Event(**added | changed)


def test_events_of_unknown_agents_are_refused(
    archive: Archive, initial: Agent, make_agent: Any
) -> None:
    stranger = make_agent("stranger", initial)
    orphan = make_agent("orphan", stranger)
    for event in (
        Event(key="k", kind="evaluated", agent_id=stranger.id),
        promoted(stranger, initial),
        Event.added(orphan),
    ):
        with pytest.raises(HomeError, match=f"agent {stranger.id[:12]} is not in this archive"):
            archive.record([event])
    assert archive.event_id() == 1


def test_events_are_read_from_where_a_reader_left_off(
    archive: Archive, initial: Agent, make_agent: Any
) -> None:
    child = make_agent("child", initial)
    archive.record([Event.added(child), promoted(child, initial)])
    assert [event.kind for event in archive.events(since=1)] == ["added", "promoted"]
    assert [event.kind for event in archive.events(kinds=["promoted"])] == ["promoted"]
    assert [event.agent_id for event in archive.events(agents=[initial.id])] == [initial.id]


def test_latest_descends_from_the_champion(
    archive: Archive, initial: Agent, make_agent: Any
) -> None:
    assert find("selection", "latest") is Latest
    child = make_agent("child", initial)
    assert Latest().select(archive.columns(), 2, "key") == [initial.id] * 2
    archive.record([Event.added(child), promoted(child, initial)])
    assert Latest().select(archive.columns(), 1, "key") == [child.id]


def test_an_archive_without_an_evolution_says_so(url: str) -> None:
    with Archive.create(url) as archive:
        for ask in (archive.champion, lambda: archive.evolution):
            with pytest.raises(HomeError, match="holds no evolution"):
                ask()
