"""The tree of an archive, with an agent of two parents."""

from typing import Any

from cladeflow.archive import Event
from cladeflow.archive.archive import Archive
from cladeflow.archive.pedigree import best, nodes, tree
from cladeflow.records import Agent


def grow(archive: Archive, initial: Agent, make_agent: Any) -> dict[str, Agent]:
    """initial → a → c, initial → b → c, c → d; trials of all but d."""
    a, b = make_agent("a", initial), make_agent("b", initial)
    c = make_agent("c", a, b, gen=2)
    d = make_agent("d", c, gen=3)
    trials = [(initial, 1, 9), (a, 5, 5), (b, 2, 8), (c, 60, 40)]
    archive.record([Event.added(agent) for agent in (a, b, c, d)])
    archive.record(
        [
            Event(
                key=f"evaluated/{agent.id}",
                kind="evaluated",
                agent_id=agent.id,
                payload={"ok": ok, "fail": fail},
            )
            for agent, ok, fail in trials
        ]
    )
    return {"initial": initial, "a": a, "b": b, "c": c, "d": d}


def test_a_tree_draws_every_agent_once_and_names_it_below_its_other_parent(
    archive: Archive, initial: Agent, make_agent: Any
) -> None:
    agents = grow(archive, initial, make_agent)
    names = {agent.id: name for name, agent in agents.items()}
    known = nodes(archive)
    drawn = [(p.branch, names[p.node.member.agent.id], p.again) for p in tree(known, initial.id)]
    assert drawn == [
        ("", "initial", False),
        ("├─ ", "a", False),
        ("│  └─ ", "c", False),
        ("│     └─ ", "d", False),
        ("└─ ", "b", False),
        ("   └─ ", "c", True),
    ]
    shallow = [names[p.node.member.agent.id] for p in tree(known, initial.id, depth=1)]
    assert shallow == ["initial", "a", "b"]
    assert [names[p.node.member.agent.id] for p in tree(known, agents["b"].id)] == ["b", "c", "d"]


def test_a_clade_counts_an_agent_once_though_two_paths_lead_to_it(
    archive: Archive, initial: Agent, make_agent: Any
) -> None:
    agents = grow(archive, initial, make_agent)
    known = nodes(archive)
    assert known[initial.id].clade == (68, 62) and known[initial.id].champion
    assert known[agents["b"].id].clade == (62, 48)
    found = known[agents["d"].id].to_json()
    assert found["score"] is None and found["clade"] is None and not found["eligible"]
    assert found["parents"] == [agents["c"].id] and found["status"] == "candidate"


def test_the_best_are_those_whose_score_is_surely_high(
    archive: Archive, initial: Agent, make_agent: Any
) -> None:
    agents = grow(archive, initial, make_agent)
    lucky = make_agent("lucky", initial)
    won = Event(key="w", kind="evaluated", agent_id=lucky.id, payload={"ok": 2, "fail": 0})
    archive.record([Event.added(lucky), won])
    found = [node.member.agent for node in best(nodes(archive), 2)]
    assert found == [agents["c"], lucky]  # Beta(61, 41) is at least .52, Beta(3, 1) .37
