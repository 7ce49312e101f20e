"""The schema goes up and down with all it holds, and is what the metadata says, on both."""

from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError

from cladeflow.archive import Event, Tally
from cladeflow.archive.archive import Archive
from cladeflow.archive.database import Database, migrations
from cladeflow.archive.migrations import REVISIONS
from cladeflow.archive.schema import metadata
from cladeflow.errors import HomeError
from cladeflow.records import Agent


def content(archive: Archive) -> list[Any]:
    return [archive.evolution, archive.events(), archive.agents(), archive.champion()]


def revision(database: Database) -> str:
    with database.read() as db:
        return str(db.scalar(text("SELECT version_num FROM alembic_version")))


def test_all_content_survives_the_way_down_and_up(
    archive: Archive, initial: Agent, make_agent: Any
) -> None:
    left, right = make_agent("left", initial), make_agent("right", initial)
    joined = make_agent("joined", left, right, gen=2)
    tried = {"kind": "evaluated", "payload": {"ok": 3, "fail": 1}}
    archive.record([Event.added(left), Event.added(right), Event.added(joined, child=1)])
    archive.record([Event(key=f"e/{a.id}", agent_id=a.id, **tried) for a in (left, joined)])
    swap = {"kind": "promoted", "agent_id": joined.id, "incumbent_id": initial.id}
    archive.record([Event(key="swap", why="it won", **swap)])
    before = content(archive)

    with archive.database.write() as db:
        command.downgrade(migrations(db), REVISIONS[0])
    assert revision(archive.database) == REVISIONS[0]
    with archive.database.read() as db:
        assert "clade_ok" not in {c["name"] for c in inspect(db).get_columns("tallies")}
        parents = db.execute(text("SELECT agent_id, parent_id FROM agent_parents ORDER BY ordinal"))
        assert (joined.id, right.id) in [tuple(row) for row in parents]
        keys = db.scalars(text("SELECT key FROM events ORDER BY id")).all()
        assert keys == [event.key for event in before[1]]

    archive.database.upgrade()
    assert revision(archive.database) == REVISIONS[-1]
    assert content(archive) == before
    assert archive.agent("initial").tally == Tally(0, 0, 2, 6, 2)
    newest = archive.event_id()
    archive.record([Event(key="after", kind="rejected", agent_id=left.id)])
    assert archive.event_id() == newest + 1


def test_the_way_down_ends_with_nothing(archive: Archive) -> None:
    with archive.database.write() as db:
        command.downgrade(migrations(db), "base")
    with archive.database.read() as db:
        assert inspect(db).get_table_names() == ["alembic_version"]
    archive.database.upgrade()
    assert not archive.started


def test_the_migrations_give_the_schema_that_the_metadata_describes(archive: Archive) -> None:
    with archive.database.read() as db:
        triggers = db.dialect.name == "postgresql"

        def compared(thing: Any, _: str | None, kind: str, *__: Any) -> bool:
            """There triggers stand for the foreign keys to agents' numbers."""
            foreign = kind == "foreign_key_constraint"
            return not (foreign and triggers and thing.elements[0].target_fullname == "agents.seq")

        opts = {"compare_type": True, "include_object": compared}
        assert compare_metadata(MigrationContext.configure(db, opts=opts), metadata) == []


def test_the_database_itself_refuses_what_would_break_the_archive(archive: Archive) -> None:
    archive.record([Event(key="pin", kind="pinned", agent_id=archive.evolution.initial)])
    event = "INSERT INTO events (key, kind, agent_seq, payload, who, why, created) VALUES "
    swap = event.replace("agent_seq", "agent_seq, incumbent_seq")
    for statement in (
        f"{event} ('pin', 'rejected', 1, '{{}}', '', '', '')",
        f"{event} (NULL, 'added', 1, '{{}}', '', '', '')",
        f"{event} ('other', 'added', 1, '{{}}', '', '', '')",
        f"{event} (NULL, 'rejected', 1, '{{}}', '', '', '')",
        f"{event} ('other', 'rejected', 77, '{{}}', '', '', '')",
        f"{swap} ('swap', 'promoted', 1, 77, '{{}}', '', '', '')",
        "INSERT INTO agent_parents VALUES (1, 0, 77)",
        "INSERT INTO agent_parents VALUES (77, 0, 1)",
        "INSERT INTO tallies VALUES (77, 'valid', 0, 0, 0, 0, 0)",
        "DELETE FROM agents",
        "UPDATE agents SET seq = 78",
        "UPDATE evolution SET single = 2",
    ):
        with pytest.raises(IntegrityError), archive.database.write() as db:
            db.execute(text(statement))


def test_the_shipped_revisions_are_the_listed_ones() -> None:
    from importlib.resources import files

    versions = files("cladeflow.archive") / "migrations" / "versions"
    shipped = sorted(path.name[:4] for path in versions.iterdir() if path.name.startswith("0"))
    assert tuple(shipped) == REVISIONS


def test_an_archive_of_a_newer_schema_is_left_alone(url: str) -> None:
    with Archive.create(url) as archive, archive.database.write() as db:
        db.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(HomeError, match=r"has schema 9999.*upgrade Cladeflow"):
        Archive.open(url)
