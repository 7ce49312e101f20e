"""An archive as JSON lines: out of one database, into another."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from graphlib import CycleError, TopologicalSorter
from itertools import chain, islice
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, insert, select

from cladeflow.archive import reading, recording, schema
from cladeflow.archive.archive import Archive
from cladeflow.archive.events import Event, Recorded
from cladeflow.archive.migrations import REVISIONS
from cladeflow.archive.population import Evolution
from cladeflow.errors import HomeError
from cladeflow.records import Agent

_BATCH = 1_000
_HEADER, _AGENT, _EVENT = "archive", "agent", "event"
Line = Mapping[str, Any]


def export_archive(archive: Archive) -> Iterator[dict[str, Any]]:
    """All that an archive holds, as of one moment: a header, the agents, then the events.

    The header has the schema's revision and the evolution, an agent its content, an event the
    fields of `Recorded` but its number. What agents refer to (weights, memory) lies in the store.
    """
    evolution = archive.evolution.model_dump(mode="json")
    yield {"type": _HEADER, "schema": REVISIONS[-1], "evolution": evolution}
    agents = schema.agents.c
    with archive.database.read() as db:
        for (line,) in _streamed(db, select(agents.agent).order_by(agents.seq)):
            agent = Agent.from_line(line)
            yield {"type": _AGENT, "id": agent.id, "content": agent.canonical()}
        for row in _streamed(db, reading.recorded()):
            yield {"type": _EVENT, **dict(zip(Recorded._fields[1:], row[1:], strict=True))}


def import_archive(archive: Archive, lines: Iterable[Line]) -> None:
    """Record all that an export holds, in one transaction; what is there already stays as it is.

    Raises `HomeError`, and changes nothing, for an export of a newer schema or of another
    evolution than the archive's, a cycle of parents, agents that are unknown or not what their
    ids say, and for what is no export at all.
    """
    numbered = enumerate(lines, 1)
    evolution = _evolution(numbered)
    agents, rest = _agents(numbered)
    events = (_event(number, line, agents) for number, line in rest)
    with archive.database.write() as db:
        _require_same(archive, db, evolution)
        _require_ancestry(db, agents)
        recording.record(db, islice(events, 1))  # the first agent's, which the evolution refers to
        if reading.evolution(db) is None:
            _start(db, evolution)
        while batch := list(islice(events, _BATCH)):
            recording.record(db, batch)


def _streamed(db: Connection, query: Any) -> Iterable[Any]:
    return db.execute(query, execution_options={"yield_per": _BATCH})


def _evolution(numbered: Iterator[tuple[int, Line]]) -> Evolution:
    """The header's."""
    _, header = next(numbered, (1, {}))
    if header.get("type") != _HEADER:
        raise HomeError("line 1: this is no export of an archive, which starts with a header")
    if header.get("schema") not in REVISIONS:
        raise HomeError(
            f"line 1: the export has schema {header.get('schema')}, this Cladeflow reads up to "
            f"{REVISIONS[-1]}: a newer version wrote it; upgrade Cladeflow"
        )
    with _explained(1):
        return Evolution.model_validate(header.get("evolution"))


def _agents(
    numbered: Iterator[tuple[int, Line]],
) -> tuple[dict[str, Agent], Iterator[tuple[int, Line]]]:
    """Agents by the id that they are said to have, and the lines left."""
    agents: dict[str, Agent] = {}
    for number, line in numbered:
        if line.get("type") != _AGENT:
            return agents, chain([(number, line)], numbered)
        with _explained(number):
            agents[line["id"]] = Agent.model_validate(line["content"])
    return agents, numbered


def _event(number: int, line: Line, agents: Mapping[str, Agent]) -> Event:
    with _explained(number):
        if line["type"] != _EVENT:
            raise HomeError(f"line {number}: {line['type']!r} stands among the events")
        fields = {name: line[name] for name in Recorded._fields[1:]}
        if line["kind"] == "added":
            fields["agent"] = agents[line["agent_id"]]
        return Event.model_validate(fields)


def _require_same(archive: Archive, db: Connection, wanted: Evolution) -> None:
    found = reading.evolution(db)
    if found is not None and found.id != wanted.id:
        raise HomeError(
            f"{archive.database.where} holds another evolution: {found.difference(wanted)}; "
            "import into an archive of its own"
        )


def _require_ancestry(db: Connection, agents: Mapping[str, Agent]) -> None:
    """Every parent is there, none is its own descendant, and every agent is what its id says."""
    parents = {agent_id: agent.parents for agent_id, agent in agents.items()}
    missing = {parent for line in parents.values() for parent in line} - parents.keys()
    for unknown in sorted(missing - recording.find(db, missing)[0].keys()):
        child = next(agent_id for agent_id, line in parents.items() if unknown in line)
        raise HomeError(
            f"{unknown[:12]}, a parent of agent {child[:12]}, is neither in the export nor in the "
            "archive; export the whole archive"
        )
    try:
        TopologicalSorter(parents).prepare()
    except CycleError as error:
        cycle = " → ".join(agent_id[:12] for agent_id in error.args[1])
        raise HomeError(
            f"agents of the export descend from themselves ({cycle}); its lines were changed, "
            "export the archive again"
        ) from error
    for agent_id, agent in agents.items():
        if agent.id != agent_id:
            raise HomeError(
                f"agent {agent_id[:12]} of the export is not what its id says; its line was "
                "changed, export the archive again"
            )


def _start(db: Connection, evolution: Evolution) -> None:
    known, _ = recording.find(db, [evolution.initial])
    if not known:
        raise HomeError(
            f"the first event of the export does not add {evolution.initial[:12]}, which the "
            "evolution started from; export the archive again"
        )
    db.execute(insert(schema.evolution), {"single": 1, **evolution.model_dump()})


@contextmanager
def _explained(number: int) -> Iterator[None]:
    """Say which line cannot be read, and why."""
    try:
        yield
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise HomeError(f"line {number}: {where}: {first['msg']}; export it again") from error
    except (KeyError, TypeError, ValueError) as error:
        raise HomeError(f"line {number}: {error} is missing or wrong; export it again") from error
