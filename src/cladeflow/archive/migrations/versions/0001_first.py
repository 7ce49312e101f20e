"""The first archive: evolution, agents, events, tallies, leases."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_serial = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "agents",
        sa.Column("seq", _serial, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(64), nullable=False, unique=True),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("child", sa.Integer, nullable=False),
        sa.Column("behaviour", sa.String(64), nullable=False),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("created", sa.String(32), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_agents_behaviour", "agents", ["behaviour"])
    op.create_table(
        "evolution",
        sa.Column(
            "single",
            sa.Integer,
            sa.CheckConstraint("single = 1", name="one_evolution"),
            primary_key=True,
        ),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("uid", sa.String(32), nullable=False),
        sa.Column("recipe", sa.Text, nullable=False),
        sa.Column("recipe_hash", sa.String(64), nullable=False),
        sa.Column("resolved", sa.JSON, nullable=False),
        sa.Column("scale", sa.Text, nullable=False),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("initial", sa.String(64), sa.ForeignKey("agents.id"), nullable=False),
        sa.Column("created", sa.String(32), nullable=False),
    )
    op.create_table(
        "agent_parents",
        sa.Column("agent_id", sa.String(64), sa.ForeignKey("agents.id"), primary_key=True),
        sa.Column("ordinal", sa.Integer, primary_key=True),
        sa.Column("parent_id", sa.String(64), sa.ForeignKey("agents.id"), nullable=False),
    )
    op.create_index("ix_agent_parents_parent_id", "agent_parents", ["parent_id"])
    op.create_table(
        "tallies",
        sa.Column("agent_id", sa.String(64), sa.ForeignKey("agents.id"), primary_key=True),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("ok", sa.BigInteger, nullable=False),
        sa.Column("fail", sa.BigInteger, nullable=False),
        sa.Column("children", sa.Integer, nullable=False),
    )
    op.create_table(
        "events",
        sa.Column("id", _serial, primary_key=True, autoincrement=True),
        sa.Column("key", sa.String(255), nullable=False, unique=True),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("agent_id", sa.String(64), sa.ForeignKey("agents.id"), nullable=False),
        sa.Column("incumbent_id", sa.String(64), sa.ForeignKey("agents.id")),
        sa.Column("payload", sa.JSON, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("created", sa.String(32), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_kind_id", "events", ["kind", "id"])
    op.create_index("ix_events_agent_id", "events", ["agent_id"])
    op.create_table(
        "leases",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("token", sa.String(32), nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("process_start", sa.String(64), nullable=False),
        sa.Column("since", sa.String(32), nullable=False),
        sa.Column("heartbeat", sa.Float, nullable=False),
    )


def downgrade() -> None:
    for table in ("leases", "events", "tallies", "agent_parents", "evolution", "agents"):
        op.drop_table(table)
