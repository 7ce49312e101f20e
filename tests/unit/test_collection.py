"""What a collection keeps, what it deletes, and that it can be killed anywhere."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cladeflow.archive import Event
from cladeflow.collection import Collection, collect, survey
from cladeflow.errors import CladeflowError, HomeError
from cladeflow.graph import Node, plan_call
from cladeflow.records import Agent
from cladeflow.session import Session
from cladeflow.store import materialise, refs, tree_key
from cladeflow.visit import Visit
from tests import model_homes as homes


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with Session(homes.found(tmp_path)) as session:
        yield session


@pytest.fixture
def family(session: Session) -> dict[str, Agent]:
    """Two champions, a good agent off their line with its parent, and one that nobody needs."""
    first = homes.born(session, 1, session.archive.agent("initial").agent, ok=50)
    homes.promoted(session, first)
    second = homes.born(session, 2, first, ok=60)
    parent = homes.born(session, 2, first, child=1, ok=10)
    homes.promoted(session, second)
    good = homes.born(session, 3, parent, ok=90)
    poor = homes.born(session, 3, second, child=1, ok=20)
    return {"first": first, "second": second, "parent": parent, "good": good, "poor": poor}


def there(session: Session, agent: Agent) -> bool:
    """Whether the agent's weights can still be loaded."""
    refs._verified.cache_clear()
    try:
        return materialise(session.store, agent.weights["actor"]).is_dir()
    except CladeflowError:
        return False


def left(session: Session, family: dict[str, Agent]) -> set[str]:
    return {name for name, agent in family.items() if there(session, agent)}


def gone(session: Session, keep: int) -> Collection:
    found = survey(session, keep)
    collect(session, found, "ada@desk", "gc")
    return found


def test_champions_the_best_their_ancestors_and_what_is_pinned_stay(
    session: Session, family: dict[str, Agent]
) -> None:
    found = survey(session, 1)
    assert {name: found.kept.get(agent.id) for name, agent in family.items()} == {
        "first": "champion line",
        "second": "champion line",
        "parent": "ancestor of one that is kept",
        "good": "one of the 1 best",
        "poor": None,
    }
    assert found.agents == (family["poor"].id,)
    pin = {"key": "p", "kind": "pinned", "agent_id": family["poor"].id}
    session.archive.record([Event.model_validate(pin)])
    assert survey(session, 0).kept[family["poor"].id] == "pinned"
    assert set(survey(session, 0).agents) == {family["parent"].id, family["good"].id}


def test_a_survey_says_how_much_and_deletes_nothing(
    session: Session, family: dict[str, Agent]
) -> None:
    found = survey(session, 0)
    expected = {f"[{gen}, {child}]" for gen, child in ((2, 1), (3, 0), (3, 1))}
    weights = [piece for piece in found.pieces if piece.what == "weights"]
    assert len(weights) == 3 and {piece.bytes for piece in weights} == {len(min(expected))}
    assert left(session, family) == set(family)
    assert session.archive.events(kinds=["collected"]) == []


def test_weights_go_and_records_stay(session: Session, family: dict[str, Agent]) -> None:
    commits = [key for key in session.store.list("") if key.endswith("commit.json")]
    gone(session, 1)
    assert left(session, family) == set(family) - {"poor"}
    assert [key for key in session.store.list("") if key.endswith("commit.json")] == commits
    [event] = session.archive.events(kinds=["collected"])
    assert (event.agent_id, event.who) == (family["poor"].id, "ada@desk")
    with pytest.raises(HomeError, match="deleted by 'cladeflow gc'"):
        session.archive.agent(family["poor"].id).usable()
    ids, eligible = session.archive.columns().ids, session.archive.columns().eligible
    assert [i for i, may in zip(ids, eligible, strict=True) if not may] == [family["poor"].id]
    again = gone(session, 1)
    assert again.pieces == () and again.agents == ()


def test_a_collection_that_was_killed_is_finished_by_the_next_one(
    session: Session, family: dict[str, Agent], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(key: str) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(session.store, "remove", die)
        with pytest.raises(Killed):
            gone(session, 1)
    assert session.archive.agent(family["poor"].id).status == "collected"
    assert left(session, family) == set(family)
    found = gone(session, 5)
    assert found.agents == () and len(found.pieces) == 1, "what is collected is not kept again"
    assert left(session, family) == set(family) - {"poor"}


def test_weights_that_another_agent_shares_stay(session: Session, family: dict[str, Agent]) -> None:
    champion = family["second"]
    twin = Agent(gen=4, weights=champion.weights, parents=(champion.id,))
    session.archive.record([Event.added(twin)])
    found = gone(session, 0)
    assert twin.id not in found.agents
    assert there(session, twin) and session.archive.agent(twin.id).usable() == twin


def test_nothing_goes_where_something_that_stays_is_damaged(
    session: Session, family: dict[str, Agent]
) -> None:
    place = tree_key(session.store, family["first"].weights["actor"])
    Path(session.store.tree(str(place)), "config.json").write_text("damaged")
    refs._verified.cache_clear()
    with pytest.raises(CladeflowError, match="not the model it was"):
        gone(session, 0)
    assert left(session, family) == set(family) - {"first"}
    assert session.archive.events(kinds=["collected"]) == []


def test_attempts_that_no_commit_names_and_checkpoints_go(
    session: Session, family: dict[str, Agent]
) -> None:
    place = str(tree_key(session.store, family["second"].weights["actor"]))
    attempt = place.rpartition("/")[0]
    lost = f"{attempt.rpartition('/')[0]}/{'0' * 12}"
    unfinished = f"generations/2/0/main.0/rollout/{'a' * 64}/shard-0/{'1' * 12}"
    for key in (f"{lost}/model/config.json", f"{unfinished}/tasks.jsonl.zst"):
        session.store.write(key, b"left behind")
    checkpoint = session.home.scratch("c" * 64)
    checkpoint.mkdir(parents=True)
    (checkpoint / "checkpoint.pt").write_bytes(b"12345")
    found = gone(session, 5)
    assert sorted((piece.what, piece.key, piece.bytes) for piece in found.pieces) == [
        ("abandoned attempt", lost, 11),
        ("abandoned attempt", unfinished, 11),
        ("checkpoint", "c" * 64, 5),
    ]
    assert not list(session.store.list(lost)) and not checkpoint.exists()
    assert left(session, family) == set(family)


def test_a_begun_generation_keeps_its_agents_and_checkpoints(
    session: Session, family: dict[str, Agent]
) -> None:
    Visit(session).commit(Node(plan_call(4), ()))
    homes.promoted(session, family["first"], kind="rolled_back")  # off the line
    checkpoint = session.home.scratch("c" * 64)
    checkpoint.mkdir(parents=True)
    found = gone(session, 0)
    assert found.kept[family["second"].id] == "begun generation"
    assert checkpoint.exists()
    assert left(session, family) == {"first", "second"}
