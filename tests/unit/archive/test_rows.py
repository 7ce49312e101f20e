"""Rows that go to a database as one parameter: what is stored is what was sent, in its order."""

from typing import Any

from cladeflow.archive import Event
from cladeflow.archive.archive import Archive
from cladeflow.archive.recording import find
from cladeflow.records import Agent

ODD = 'it\'s "odd" \\ / ünï 🙂 {}[]:, \n\t$1 %s :name null'


def test_an_event_comes_back_as_it_was_recorded(archive: Archive, initial: Agent) -> None:
    payload = {
        "ok": 3,
        "fail": 0,
        ODD: ODD,
        "share": 0.1,
        "tiny": 1e-300,
        "large": 2**60,
        "none": None,
        "yes": True,
        "nested": [{"a": []}, {}, [1.5, "2"]],
    }
    told = Event(key=ODD, kind="evaluated", agent_id=initial.id, payload=payload, who=ODD, why=ODD)
    archive.record([told])
    [found] = archive.events(kinds=["evaluated"])
    assert (found.key, found.who, found.why, found.payload) == (ODD, ODD, ODD, payload)
    assert found.incumbent_id is None
    archive.record([told])
    assert archive.agent("initial").tally.ok == 3


def test_an_agent_comes_back_as_it_was_recorded(archive: Archive, initial: Agent) -> None:
    changed = initial.scaffold.model_copy(update={"prompts": {"reasoning": ODD}})
    agent = Agent(weights=initial.weights, scaffold=changed, parents=(initial.id,), gen=1)
    archive.record([Event.added(agent, child=7)])
    found = archive.agent(agent.id)
    assert (found.agent, found.child) == (agent, 7)


def test_a_batch_keeps_its_order(archive: Archive, initial: Agent) -> None:
    told = [
        Event(key=f"{n * 7919 % 2000}", kind="pinned", agent_id=initial.id) for n in range(2000)
    ]
    archive.record(told)
    found = archive.events(kinds=["pinned"])
    assert [event.key for event in found] == [event.key for event in told]
    assert [event.id for event in found] == sorted(event.id for event in found)


def test_more_rows_than_a_statement_takes_parameters(
    archive: Archive, initial: Agent, make_agent: Any
) -> None:
    unknown = [f"{n:064x}" for n in range(70_000)]
    with archive.database.read() as db:
        agents, _ = find(db, [*unknown, initial.id])
        assert list(agents) == [initial.id]
