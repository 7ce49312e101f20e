"""What several migrations need: another table in place of one, with its content."""

from collections.abc import Callable

import sqlalchemy as sa
from alembic import op


def remake(table: str, content: str, make: Callable[[], None]) -> None:
    """Replace a table by what ``make`` makes, filled with ``content``, which names its columns."""
    op.execute(f"CREATE TEMPORARY TABLE moved AS {content}")
    op.drop_table(table)
    make()
    moved = sa.inspect(op.get_bind()).get_columns(table)
    columns = ", ".join(column["name"] for column in moved)
    op.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM moved")
    op.execute("DROP TABLE moved")


def number_events_on() -> None:
    """Let the next event take the number after the newest; SQLite does so by itself."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            """SELECT setval(pg_get_serial_sequence('events', 'id'),
               coalesce(max(id), 1), max(id) IS NOT NULL) FROM events"""
        )
