"""The archive of one home: its evolution, every agent, every event, and who is champion."""

from collections.abc import Collection, Sequence
from typing import Self
from uuid import uuid4

from sqlalchemy import func, insert, select

from cladeflow.archive import reading, recording, schema
from cladeflow.archive.cache import ColumnCache
from cladeflow.archive.columns import Columns
from cladeflow.archive.database import Database
from cladeflow.archive.events import CHAMPION_CHANGES, Event, EventKind, Recorded, now
from cladeflow.archive.population import Evolution, Member
from cladeflow.errors import HomeError
from cladeflow.recipes.model import Resolved
from cladeflow.records import Agent, digest

_NAMES_SHOWN = 5


class Archive:
    """An open archive.

    Every write is one durable transaction; a crash leaves all of it or nothing. Unknown agents,
    another evolution, a newer schema and a database that cannot be used raise `HomeError`.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._cache = ColumnCache()

    @classmethod
    def open(cls, url: str) -> Self:
        """The archive at ``url``, its schema brought up to date."""
        database = Database(url)
        database.require()
        database.upgrade()
        return cls(database)

    @classmethod
    def create(cls, url: str) -> Self:
        """As `open`, but made where there is none."""
        database = Database(url)
        database.upgrade()
        return cls(database)

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The evolution

    @property
    def started(self) -> bool:
        """Whether there is an evolution: a crash may have left an archive without one."""
        with self.database.read() as db:
            return reading.evolution(db) is not None

    @property
    def evolution(self) -> Evolution:
        """What this archive is the archive of; raises `HomeError` before one was started."""
        with self.database.read() as db:
            found = reading.evolution(db)
        if found is None:
            raise HomeError(f"{self.database.where} holds no evolution; start one with 'evolve'")
        return found

    def start_evolution(self, resolved: Resolved, seed: int, initial: Agent) -> Evolution:
        """Start, or take up again, the evolution that these determine.

        Raises `HomeError` naming what differs where another evolution lives here.
        """
        wanted = Evolution(
            id=digest({"recipe": resolved.hash, "seed": seed, "initial": initial.id}),
            uid=uuid4().hex,
            recipe=resolved.recipe.name,
            recipe_hash=resolved.hash,
            resolved=resolved.model_dump(mode="json"),
            scale=resolved.scale.name,
            seed=seed,
            initial=initial.id,
            created=now(),
        )
        with self.database.write() as db:
            found = reading.evolution(db)
            if found is None:
                recording.record(db, [Event.added(initial)])
                db.execute(insert(schema.evolution), {"single": 1, **wanted.model_dump()})
        if found is not None and _composition(found) != _composition(wanted):
            raise HomeError(
                f"{self.database.where} holds another evolution: {found.difference(wanted)}; "
                "go on with those settings, or choose another --home"
            )
        return found or wanted

    # Events

    def record(self, events: Sequence[Event]) -> None:
        """Append ``events`` in one transaction; those whose key is already there change nothing.

        Raises `ChampionMoved` (and appends nothing) where a change of champion was decided
        against an agent that is not the champion any more.
        """
        with self.database.write() as db:
            recording.record(db, events)

    def events(
        self,
        since: int = 0,
        kinds: Sequence[EventKind] = (),
        agents: Collection[str] | None = None,
        child: int | None = None,
    ) -> list[Recorded]:
        """Events newer than event ``since``, oldest first.

        Where they are given, of those ``agents`` (ids) alone, and of those alone that were the
        ``child``-th of their generation.
        """
        query = reading.recorded().where(schema.events.c.id > since)
        if kinds:
            query = query.where(schema.events.c.kind.in_(kinds))
        if agents is not None:
            query = query.where(schema.agents.c.id.in_(agents))
        if child is not None:
            query = query.where(schema.agents.c.child == child)
        with self.database.read() as db:
            return [Recorded(*row) for row in db.execute(query)]

    def event_id(self) -> int:
        """Id of the newest event; 0 where there is none."""
        with self.database.read() as db:
            return db.scalar(select(func.max(schema.events.c.id))) or 0

    def history(self) -> list[Recorded]:
        """Every change of champion, oldest first: who, when, why, from incumbent to agent."""
        return self.events(kinds=sorted(CHAMPION_CHANGES))

    def tried_since_promotion(self) -> int:
        """Tests of agents since a promotion last set the incumbent that they are compared with.

        Those are the children added, and the agents that `cladeflow promote` tested by hand.
        """
        table = schema.events.c
        newest = reading.newest(["promoted", "promoted_external"])
        tried = (
            select(func.count())
            .select_from(schema.events.join(schema.agents, table.agent_seq == schema.agents.c.seq))
            .where(
                (table.kind == "tested")
                | ((table.kind == "added") & (schema.agents.c.generation > 0))
            )
            .where(table.id > func.coalesce(newest, 0))
        )
        with self.database.read() as db:
            return db.scalar(tried) or 0

    # Agents

    def champion(self, at_event: int | None = None) -> Member:
        """The agent in charge now, or right after an event; the initial one before any change."""
        with self.database.read() as db:
            found = recording.champion(db, at_event)
            if found is not None:
                return reading.members(db, schema.agents.c.seq == found)[0]
        raise HomeError(f"{self.database.where} holds no evolution; start one with 'evolve'")

    def champion_line(self) -> list[str]:
        """Champions that a rollback can go through, the initial agent first, the present one last.

        A rollback to an earlier champion takes those after it off the line.
        """
        line = [self.evolution.initial]
        for change in self.history():
            if change.kind == "rolled_back" and change.agent_id in line:
                del line[line.index(change.agent_id) :]
            line.append(change.agent_id)
        return line

    def pinned(self) -> list[str]:
        """Agents whose weights no collection may take, in the order in which they were pinned."""
        pins: dict[str, None] = {}
        for event in self.events(kinds=["pinned", "unpinned"]):
            pins.pop(event.agent_id, None)
            if event.kind == "pinned":
                pins[event.agent_id] = None
        return list(pins)

    def agents(self) -> list[Member]:
        """Every agent, oldest first."""
        with self.database.read() as db:
            return reading.members(db)

    def generations(self) -> int:
        """The newest generation that has agents; 0 for an archive without any child."""
        with self.database.read() as db:
            return db.scalar(select(func.max(schema.agents.c.generation))) or 0

    def columns(self) -> Columns:
        """What parents are drawn from, at one moment."""
        with self.database.read() as db:
            return self._cache.refresh(db)

    def agent(self, name: str) -> Member:
        """The agent called champion, previous or initial, or whose id starts with ``name``."""
        if name in ("champion", "previous"):
            name = self.champion_line()[-2:][-1 if name == "champion" else 0]
        elif name == "initial":
            name = self.evolution.initial
        with self.database.read() as db:
            found = reading.named(db, name, limit=_NAMES_SHOWN + 1)
        if len(found) == 1:
            return found[0]
        if not found:
            raise HomeError(f"no agent {name!r} in {self.database.where}; 'lineage' lists them")
        shown = ", ".join(member.agent.id[: len(name) + 8] for member in found[:_NAMES_SHOWN])
        raise HomeError(f"{name!r} could be several agents ({shown} …); give more of its id")

    def lineage(self, agent_id: str) -> list[Member]:
        """An agent and all its ancestors, newest first, each once."""
        agents, edges = schema.agents.c, schema.agent_parents.c
        line = select(agents.seq).where(agents.id == agent_id).cte("line", recursive=True)
        line = line.union(select(edges.parent_seq).join(line, edges.agent_seq == line.c.seq))
        with self.database.read() as db:
            return reading.members(db, agents.seq.in_(select(line.c.seq)))[::-1]


def _composition(evolution: Evolution) -> tuple[str, int, str]:
    """What determines it, by the strategies' present versions: a newer Cladeflow carries it on."""
    resolved = Resolved.model_validate(evolution.resolved)
    return resolved.hash, evolution.seed, evolution.initial
