"""The archive's database: how it is opened and migrated, whichever back end holds it."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import ColumnElement, Connection, Engine, inspect, select, text
from sqlalchemy.exc import DBAPIError

from cladeflow.archive.addresses import parse
from cladeflow.archive.migrations import REVISIONS
from cladeflow.errors import HomeError

if TYPE_CHECKING:
    from alembic.config import Config


class Backend(Protocol):
    """What differs between databases. Readers see a snapshot; writers take turns."""

    @property
    def where(self) -> str:
        """The address as users get to see it: without a password."""

    @property
    def reading(self) -> Engine:
        """Its transactions see one snapshot."""

    @property
    def writing(self) -> Engine:
        """Its transactions run one at a time, over all processes and hosts, from begin to end."""

    @property
    def clock(self) -> ColumnElement[float]:
        """Seconds since 1970 on the one clock that all who use the database share."""

    def require(self) -> None:
        """Raise `HomeError` where there is no such database and opening it would make one."""

    def explain(self, error: DBAPIError) -> HomeError | None:
        """What a failure means to a user; None for a defect of this program."""


class Database:
    """One archive database, at a SQLite or PostgreSQL address."""

    def __init__(self, url: str) -> None:
        self._backend = _backend(url)

    @property
    def where(self) -> str:
        """The address as users get to see it: without a password."""
        return self._backend.where

    def close(self) -> None:
        """Close all connections."""
        self._backend.reading.dispose()
        self._backend.writing.dispose()

    def require(self) -> None:
        """Raise `HomeError` where there is no database yet."""
        self._backend.require()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A snapshot."""
        with self._explained(), self._backend.reading.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that no other writer runs beside; an exception undoes it."""
        with self._explained(), self._backend.writing.begin() as connection:
            yield connection

    def clock(self, connection: Connection) -> float:
        """Seconds since 1970, by the clock that every user of the database shares."""
        return float(connection.scalar(select(self._backend.clock)) or 0)

    def upgrade(self) -> None:
        """Bring the schema to the newest revision; raises `HomeError` if it is a newer one."""
        with self.read() as connection:
            if self._revision(connection) == REVISIONS[-1]:
                return
        with self.write() as connection:
            if self._revision(connection) != REVISIONS[-1]:
                from alembic import command

                command.upgrade(migrations(connection), REVISIONS[-1])

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
        except DBAPIError as error:
            explained = self._backend.explain(error)
            if explained is None:
                raise
            raise explained from error


def _backend(url: str) -> Backend:
    address = parse(url)
    if address.get_backend_name() == "sqlite":
        from cladeflow.archive.sqlite import Sqlite

        return Sqlite(address)
    from cladeflow.archive.postgresql import Postgresql

    return Postgresql(address)


def migrations(connection: Connection) -> "Config":
    """What Alembic's commands take to migrate over, and in the transaction of, a connection."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(files("cladeflow.archive") / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
