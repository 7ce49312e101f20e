"""What of a home may be deleted and how it goes: weights and leftovers, no records or reports."""

import hashlib
import re
import shutil
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from cladeflow.archive import UNFIT, Event, Member
from cladeflow.archive.archive import Archive
from cladeflow.errors import StoreError
from cladeflow.plan.model import Plan
from cladeflow.promote.approval import GATE as APPROVAL
from cladeflow.promote.by_hand import require_whole
from cladeflow.records import Agent
from cladeflow.session import Session
from cladeflow.store import Commit, Store, read_commit, tree_key
from cladeflow.visit import Visit

_ATTEMPT = re.compile("[0-9a-f]{12}")
"""How an attempt's directory is called; input hashes are longer."""


class Piece(NamedTuple):
    """Something that goes as a whole."""

    what: Literal["weights", "abandoned attempt", "checkpoint"]
    key: str
    bytes: int


class Collection(NamedTuple):
    """What stays and why, and what goes."""

    kept: dict[str, str]
    """Reason by agent id."""
    agents: tuple[str, ...]
    """Agents that will be without weights."""
    pieces: tuple[Piece, ...]


def survey(session: Session, keep: int) -> Collection:
    """What a collection that keeps the ``keep`` best agents would delete; deletes nothing.

    Kept whole are the champions that a rollback can go through, the best by held-out score, those
    that are pinned, those that a begun generation was planned with, and all their ancestors. Of
    the rest, and of passes whose weights were only a step on the way, the weights go. So do
    attempts that lost to a commit or that no process is left to finish, and the checkpoints of
    training, unless a generation is begun: it may resume from them, or be at work in a cluster.
    """
    archive, begun = session.archive, Visit(session).begun()
    members = {member.agent.id: member for member in archive.agents()}
    kept = _kept(archive, list(members.values()), keep, begun)
    used = {ref.partition("#")[0] for a in kept for ref in members[a].agent.weights.values()}
    keys = list(session.store.list(""))
    pieces = [
        *_weights(session.store, keys, used, archive.generations()),
        *([] if begun else [*_abandoned(session.store, keys), *_checkpoints(session)]),
    ]
    agents = (a for a, member in members.items() if a not in kept and _loses(member, used))
    return Collection(kept, tuple(agents), tuple(pieces))


def collect(session: Session, found: Collection, who: str, why: str) -> None:
    """Delete what a survey found, once all that replaces it is verified to be what it was.

    The archive says that an agent is collected before its weights go, so that nothing draws it in
    between; a collection that was killed is finished by the next one. Raises `CladeflowError`, and
    deletes nothing, where an agent that is to be kept is damaged.
    """
    for agent_id in found.kept:
        require_whole(session, session.archive.agent(agent_id).agent)
    for piece in found.pieces:
        if piece.what == "abandoned attempt":
            _require_intact(session.store, piece.key.rpartition("/")[0])
    events = [
        Event(key=f"collected/{agent_id}", kind="collected", agent_id=agent_id, who=who, why=why)
        for agent_id in found.agents
    ]
    session.archive.record(events)
    for piece in found.pieces:
        if piece.what == "checkpoint":
            shutil.rmtree(session.home.scratch(piece.key), ignore_errors=True)
        else:
            session.store.remove(piece.key)


def _kept(
    archive: Archive, members: Sequence[Member], keep: int, begun: Plan | None
) -> dict[str, str]:
    """The first reason for every agent that stays whole."""
    collected = {m.agent.id for m in members if m.status == "collected"}
    reasons = dict.fromkeys(archive.champion_line(), "champion line")
    for why, agents in (
        ("pinned", archive.pinned()),
        ("waits for approval", _waiting(archive)),
        ("begun generation", _planned_with(begun) if begun else []),
        (f"one of the {keep} best", _best(members, keep)),
    ):
        reasons = {**dict.fromkeys(agents, why), **reasons}
    parents = {member.agent.id: member.agent.parents for member in members}
    for agent_id in list(reasons):
        for ancestor in _ancestors(agent_id, parents):
            reasons.setdefault(ancestor, "ancestor of one that is kept")
    return {agent_id: why for agent_id, why in reasons.items() if agent_id not in collected}


def _waiting(archive: Archive) -> list[str]:
    """Agents that lacked nothing but a person's signature, which may still be given."""
    fates = [(e.agent_id, e.payload.get("gates", {})) for e in archive.events(kinds=["rejected"])]
    return [
        agent_id
        for agent_id, gates in fates
        if gates.get(APPROVAL) == "inconclusive"
        and {outcome for gate, outcome in gates.items() if gate != APPROVAL} <= {"pass"}
    ]


def _ancestors(agent_id: str, parents: dict[str, tuple[str, ...]]) -> Iterator[str]:
    found, waiting = set(), [agent_id]
    while waiting:
        fresh = [parent for parent in parents[waiting.pop()] if parent not in found]
        yield from fresh
        found.update(fresh)
        waiting += fresh


def _best(members: Sequence[Member], keep: int) -> list[str]:
    """By share of held-out tasks solved, of equals the newer one."""
    fit = [m for m in members if m.status not in UNFIT and m.tally.ok + m.tally.fail]
    order = sorted(range(len(fit)), key=lambda at: (_share(fit[at]), at), reverse=True)
    return [fit[at].agent.id for at in order[:keep]]


def _share(member: Member) -> float:
    return member.tally.ok / (member.tally.ok + member.tally.fail)


def _planned_with(plan: Plan) -> list[str]:
    """Every agent that a stage of the generation may load."""
    standing = [plan.standing.restored] if plan.standing else []
    agents: list[Agent] = [*plan.parents, *plan.opponents, *standing]
    return [a.id for a in (*agents, plan.incumbent, plan.initial, plan.previous)]


def _loses(member: Member, used: set[str]) -> bool:
    """Whether an agent's weights go that nobody who stays has as well."""
    addresses = [ref.partition("#")[0] for ref in member.agent.weights.values()]
    stored = [address for address in addresses if address.startswith("store:")]
    return member.status != "collected" and any(address not in used for address in stored)


def _weights(store: Store, keys: Sequence[str], used: set[str], done: int) -> Iterator[Piece]:
    """Models of finished generations that no agent who stays is made of."""
    for key in keys:
        parts = key.split("/")
        update = len(parts) == 7 and parts[0] == "generations" and parts[4].startswith("fine_tune")
        if not update or parts[-1] != "commit.json" or int(parts[1]) > done:
            continue
        commit = read_commit(store, key.removesuffix("/commit.json"))
        for ref in commit.models.values() if commit else ():
            place = tree_key(store, ref)
            if ref.partition("#")[0] not in used and place and (size := store.size(place)):
                yield Piece("weights", place, size)


def _abandoned(store: Store, keys: Sequence[str]) -> Iterator[Piece]:
    """Attempts that no commit names: no attempt is ever taken up again."""
    attempts: dict[str, None] = {}
    for key in keys:
        parts = key.split("/")
        for at, part in enumerate(parts):
            if _ATTEMPT.fullmatch(part):
                attempts["/".join(parts[: at + 1])] = None
                break
    for attempt in attempts:
        key, _, name = attempt.rpartition("/")
        commit = read_commit(store, key)
        if commit is None or commit.volatile["attempt"] != name:
            yield Piece("abandoned attempt", attempt, store.size(attempt))


def _checkpoints(session: Session) -> Iterator[Piece]:
    """What training would have resumed from, of calls that are not done any more."""
    root = session.home.scratch("")
    for path in sorted(root.iterdir()) if root.is_dir() else ():
        size = sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
        yield Piece("checkpoint", path.name, size)


def _require_intact(store: Store, key: str) -> None:
    """Raise `StoreError` where a commit that replaces other attempts lacks some of its records."""
    commit: Commit | None = read_commit(store, key)
    for manifest in commit.sets.values() if commit else ():
        for shard in manifest.shards:
            if hashlib.sha256(store.read(shard.file)).hexdigest() != shard.sha256:
                raise StoreError(f"{store.uri}/{shard.file} is damaged; nothing was deleted")
