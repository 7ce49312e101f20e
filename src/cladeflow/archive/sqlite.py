"""The archive in a SQLite file."""

import shutil
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Float, create_engine, event, literal_column
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, ProgrammingError

from cladeflow.errors import HomeError

_BUSY_SECONDS = 30
"""How long a writer waits for another one; transactions here take milliseconds."""
_ROOM = 2**20
"""Bytes that a disk has left at least when it is not for want of them that SQLite fails."""
_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "cache_size=-262144",  # KiB at most: what the indices of a million agents take
    "wal_autocheckpoint=65536",  # pages: one that many transactions write goes to its place once
)
_WRITE = "cladeflow_write"


class Sqlite:
    """A file in WAL mode, so that readers and the one writer do not wait for each other.

    With ``synchronous=FULL`` a recorded event survives a power cut.
    """

    clock = literal_column("(julianday('now') - 2440587.5) * 86400.0", Float)

    def __init__(self, address: URL) -> None:
        self._path = Path(str(address.database))
        self.where = str(self._path)
        self.reading = _engine(address)
        self.writing = self.reading.execution_options(**{_WRITE: True})

    def require(self) -> None:
        """Raise `HomeError` where there is no such file."""
        if not self._path.exists():
            raise HomeError(f"{self.where} does not exist; 'cladeflow evolve' makes it")

    def explain(self, error: DBAPIError) -> HomeError | None:
        """What SQLite refuses."""
        if isinstance(error, IntegrityError | ProgrammingError):
            return None
        if isinstance(error, OperationalError):
            return HomeError(f"{self.where}: {error.orig}; {_advice(str(error.orig), self._path)}")
        return HomeError(f"{self.where} is damaged ({error.orig}); restore it from a copy")


def _engine(address: URL) -> Engine:
    engine = create_engine(address, connect_args={"timeout": _BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def _settings(connection: sqlite3.Connection, _: Any) -> None:
        connection.isolation_level = None  # transactions begin below, not where sqlite3 guesses
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITE)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _advice(problem: str, path: Path) -> str:
    free_some = "free some space and run the same command again to resume"
    if "full" in problem:
        return free_some
    if "locked" in problem:
        return f"another process kept it busy for {_BUSY_SECONDS} s; try again"
    if _is_scarce(path.parent):  # what SQLite makes beside a file fails without saying why
        return f"the disk is full; {free_some}"
    return "check that the directory exists, is yours and can be written"


def _is_scarce(directory: Path) -> bool:
    return directory.exists() and shutil.disk_usage(directory).free < _ROOM
