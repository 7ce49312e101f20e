"""The archive's database: how it is opened, migrated, and what its failures mean to a user."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError, OperationalError

from cladeflow.archive.migrations import REVISIONS
from cladeflow.errors import HomeError

_BUSY_SECONDS = 30
"""How long a writer waits for another one; transactions here take milliseconds."""
_WRITE = "cladeflow_write"


class Database:
    """One archive database. Readers see a snapshot; writers take turns from their first statement.

    SQLite in WAL mode, so that readers and the one writer do not wait for each other, and with
    ``synchronous=FULL``, so that a recorded event survives a power cut.
    """

    def __init__(self, url: str) -> None:
        self.where = _sqlite_path(url)
        self._engine = _engine(url)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A snapshot."""
        with self._explained(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that no other writer runs beside; an exception undoes it."""
        with (
            self._explained(),
            self._engine.execution_options(**{_WRITE: True}).begin() as connection,
        ):
            yield connection

    def upgrade(self) -> None:
        """Bring the schema to the newest revision; raises `HomeError` if it is a newer one."""
        with self.read() as connection:
            if self._revision(connection) == REVISIONS[-1]:
                return
        with self.write() as connection:
            if self._revision(connection) != REVISIONS[-1]:
                _migrate(connection)

    def _revision(self, connection: Connection) -> str | None:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found = connection.scalar(text("SELECT version_num FROM alembic_version"))
        if found is not None and found not in REVISIONS:
            raise HomeError(
                f"{self.where} has schema {found}, this Cladeflow reads up to {REVISIONS[-1]}: "
                "a newer version wrote it; upgrade Cladeflow, or choose another --home"
            )
        return str(found) if found else None

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what the database refuses into an error that says what to do."""
        try:
            yield
        except OperationalError as error:
            raise HomeError(f"{self.where}: {error.orig}; {_advice(str(error.orig))}") from error
        except DatabaseError as error:
            if isinstance(error.orig, sqlite3.IntegrityError | sqlite3.ProgrammingError):
                raise
            raise HomeError(
                f"{self.where} is damaged ({error.orig}); restore it from a copy"
            ) from error


def _sqlite_path(url: str) -> Path:
    address = make_url(url)
    if address.get_backend_name() != "sqlite" or not address.database:
        raise HomeError(
            f"{url}: an archive is a SQLite file, such as sqlite:////home/me/archive.db"
        )
    return Path(address.database)


def _engine(url: str) -> Engine:
    engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def _settings(connection: sqlite3.Connection, _: Any) -> None:
        connection.isolation_level = None  # transactions begin below, not where sqlite3 guesses
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITE)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(files("cladeflow.archive") / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _advice(problem: str) -> str:
    if "full" in problem:
        return "free some space and run the same command again to resume"
    if "locked" in problem:
        return f"another process kept it busy for {_BUSY_SECONDS} s; try again"
    return "check that the directory exists, is yours and can be written"
