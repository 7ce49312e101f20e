"""An archive as a person looks at it: every agent with its scores, and the tree that they form."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from cladeflow.archive.archive import Archive
from cladeflow.archive.population import Member
from cladeflow.archive.posteriors import low_percentile


class Counted(NamedTuple):
    """Trials on held-out tasks."""

    ok: int
    fail: int

    @property
    def share(self) -> float | None:
        """Share of the tasks that were solved; None before the first trial."""
        return self.ok / (self.ok + self.fail) if self.ok + self.fail else None


class Node(NamedTuple):
    """An agent among its relatives."""

    member: Member
    own: Counted
    clade: Counted
    """Of the agent and all its descendants, each counted once."""
    believed: float
    """What its own score is at least, with the confidence that was asked for."""
    champion: bool
    eligible: bool
    children: list[str]

    def to_json(self) -> dict[str, Any]:
        """What scripts read."""
        agent = self.member.agent
        return {
            "id": agent.id,
            "generation": agent.gen,
            "child": self.member.child,
            "parents": list(agent.parents),
            "children": self.children,
            "status": self.member.status,
            "champion": self.champion,
            "eligible": self.eligible,
            "ok": self.own.ok,
            "fail": self.own.fail,
            "score": self.own.share,
            "believed": self.believed,
            "clade_ok": self.clade.ok,
            "clade_fail": self.clade.fail,
            "clade": self.clade.share,
            "created": self.member.created,
        }


class Place(NamedTuple):
    """Where an agent stands in the drawing of a tree."""

    branch: str
    """What leads to it."""
    node: Node
    again: bool
    """It was drawn before, below another parent, with its descendants."""


def nodes(archive: Archive, percentile: float = 0.05) -> dict[str, Node]:
    """Every agent by id, oldest first; ``percentile`` is that of what is believed of it."""
    columns = archive.columns()
    believed = low_percentile(columns.ok, columns.fail, percentile)
    at = {agent_id: index for index, agent_id in enumerate(columns.ids)}
    found = {
        member.agent.id: Node(
            member,
            Counted(int(columns.ok[index]), int(columns.fail[index])),
            Counted(int(columns.clade_ok[index]), int(columns.clade_fail[index])),
            float(believed[index]),
            index == columns.champion,
            bool(columns.eligible[index]),
            [],
        )
        for member in archive.agents()
        if (index := at.get(member.agent.id)) is not None
    }
    for agent_id, node in found.items():
        for parent in dict.fromkeys(node.member.agent.parents):
            found[parent].children.append(agent_id)
    return found


def tree(known: Mapping[str, Node], root: str, depth: int | None = None) -> Iterator[Place]:
    """An agent and its descendants, down to ``depth`` generations of them, each drawn once."""
    drawn: set[str] = set()
    left = [(root, "", "", 0)]  # agent, what leads to it, what stands before its children, depth
    while left:
        agent_id, branch, margin, level = left.pop()
        node, again = known[agent_id], agent_id in drawn
        drawn.add(agent_id)
        yield Place(branch, node, again)
        if again or (depth is not None and level >= depth):
            continue
        for number, child in enumerate(reversed(node.children)):
            fork, line = ("├─ ", "│  ") if number else ("└─ ", "   ")
            left.append((child, margin + fork, margin + line, level + 1))


def best(known: Mapping[str, Node], count: int) -> list[Node]:
    """The agents to believe in, best first: those whose score is surely the highest."""
    fit = (node for node in known.values() if node.eligible)
    return sorted(fit, key=lambda node: -node.believed)[:count]
