"""The event that brings an agent has no key of its own; nothing asks for the children of one agent.

Both cost an index in the order of ids or of parents, that is, a page of disk for every agent.
"""

import sqlalchemy as sa
from alembic import op

from cladeflow.archive.migrations.remake import number_events_on, remake

revision = "0003"
down_revision = "0002"

_serial = sa.BigInteger().with_variant(sa.Integer, "sqlite")

_EVENT = "events.id, kind, agent_seq, incumbent_seq, payload, who, why, events.created"


def upgrade() -> None:
    op.drop_index("ix_agent_parents_parent_seq", "agent_parents")
    keys = "CASE WHEN kind <> 'added' THEN key END AS key"
    remake("events", f"SELECT {_EVENT}, {keys} FROM events", _events)
    number_events_on()


def downgrade() -> None:
    op.create_index("ix_agent_parents_parent_seq", "agent_parents", ["parent_seq"])
    keys = "coalesce(key, 'added/' || agents.id) AS key"
    agents = "JOIN agents ON agents.seq = agent_seq"
    remake("events", f"SELECT {_EVENT}, {keys} FROM events {agents}", _events_0002)
    number_events_on()


def _events() -> None:
    _create_events(
        sa.Column("key", sa.String(255), unique=True),
        sa.CheckConstraint("(kind = 'added') = (key IS NULL)", name="added_by_agent"),
    )
    added = sa.text("key IS NULL")
    op.create_index(
        "ix_events_added",
        "events",
        ["agent_seq"],
        unique=True,
        sqlite_where=added,
        postgresql_where=added,
    )


def _events_0002() -> None:
    _create_events(sa.Column("key", sa.String(255), nullable=False, unique=True))


def _create_events(*keys: sa.Column[str] | sa.CheckConstraint) -> None:
    op.create_table(
        "events",
        sa.Column("id", _serial, primary_key=True, autoincrement=True),
        *keys,
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("agent_seq", _serial, sa.ForeignKey("agents.seq"), nullable=False),
        sa.Column("incumbent_seq", _serial, sa.ForeignKey("agents.seq")),
        sa.Column("payload", sa.JSON, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("created", sa.String(32), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_kind_id", "events", ["kind", "id"])
    op.create_index("ix_events_agent_seq", "events", ["agent_seq"])
