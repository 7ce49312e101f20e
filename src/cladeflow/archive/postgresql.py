"""The archive in a PostgreSQL database."""

from typing import Any

from sqlalchemy import Connection, Engine, Float, create_engine, event, literal_column
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from cladeflow.archive.addresses import public
from cladeflow.errors import HomeError

_TURN = int.from_bytes(b"cladeflo")
"""The advisory lock that a writer holds until its transaction ends."""
_WAIT_SECONDS = 30
"""How long a writer waits for another one, and the server for a writer that fell silent."""
_REPLAN_SECONDS = 60
"""How long a connection, and with it its plans, is kept: an archive of a few agents, for which any
plan will do, may soon hold thousands."""
_CONNECTION = {
    "connect_timeout": _WAIT_SECONDS,
    "keepalives_idle": _WAIT_SECONDS,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}
_SESSION = (
    f"SET lock_timeout = '{_WAIT_SECONDS}s'",
    f"SET idle_in_transaction_session_timeout = '{_WAIT_SECONDS}s'",
    # How much a parameter or a recursion brings is guessed, and so high that joining whole tables
    # looks cheap; and all that is asked for here, an index leads to.
    "SET enable_seqscan = off",
    "SET enable_hashjoin = off",
    "SET enable_mergejoin = off",
    "SET jit = off",  # compiling takes longer than any of these statements
)
_ADVICE = (
    ("password", "set PGPASSWORD, or add the server to ~/.pgpass"),
    ("lock timeout", f"another process kept it busy for {_WAIT_SECONDS} s; try again"),
    ("permission denied", "its owner has to GRANT the user CREATE and USAGE on the schema"),
    ("does not exist", "create what is missing with createdb or createuser"),
    ("No space left", "free some space and run the same command again to resume"),
)
_CHECK = "check the address and that the server runs, then run the same command again"


class Postgresql:
    """A database of its own for one evolution, reached with psycopg.

    Readers see the snapshot of a REPEATABLE READ transaction. A writer first waits for its turn,
    an advisory lock of the transaction: from there on it sees all that was committed, its event
    ids rise in the order of commits, and its death, which ends the connection, frees the turn.
    """

    clock = literal_column("extract(epoch FROM clock_timestamp())", Float)

    def __init__(self, address: URL) -> None:
        self.where = public(address)
        self.writing = _engine(address.set(drivername="postgresql+psycopg"))
        self.reading = self.writing.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        event.listen(self.writing, "begin", _take_turn)

    def require(self) -> None:
        """A missing database is an error of any connection to it."""

    def explain(self, error: DBAPIError) -> HomeError | None:
        """What PostgreSQL refuses, or that it cannot be reached."""
        problem = " ".join(str(error.orig).split())
        denied = "permission denied" in problem
        if not denied and not isinstance(error, OperationalError | InterfaceError):
            return None
        advice = next((what for sign, what in _ADVICE if sign in problem), _CHECK)
        return HomeError(f"{self.where}: {problem}; {advice}")


def _engine(address: URL) -> Engine:
    try:
        engine = create_engine(
            address,
            connect_args=_CONNECTION,
            pool_pre_ping=True,
            pool_recycle=_REPLAN_SECONDS,
        )
    except ModuleNotFoundError as missing:
        raise HomeError(
            "an archive on PostgreSQL needs psycopg: pip install 'cladeflow[postgres]'"
        ) from missing

    @event.listens_for(engine, "connect")
    def _settings(connection: Any, _: Any) -> None:
        with connection.cursor() as cursor:
            for setting in _SESSION:
                cursor.execute(setting)
        connection.commit()

    return engine


def _take_turn(connection: Connection) -> None:
    if not connection.get_execution_options().get("postgresql_readonly"):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_TURN})")
