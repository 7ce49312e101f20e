"""Rows name agents by number, tallies count clades, agents are found by generation."""

import sqlalchemy as sa
from alembic import op

from cladeflow.archive.migrations.remake import number_events_on, remake

revision = "0002"
down_revision = "0001"

_serial = sa.BigInteger().with_variant(sa.Integer, "sqlite")

_EVENT = "events.id, key, kind, payload, who, why, events.created"
_CLADES = """
    WITH RECURSIVE line (source, seq) AS (
        SELECT agent_seq, agent_seq FROM tallies WHERE ok + fail > 0
        UNION
        SELECT line.source, agent_parents.parent_seq
        FROM line JOIN agent_parents ON agent_parents.agent_seq = line.seq
    )
    SELECT line.seq, sum(tallies.ok) AS ok, sum(tallies.fail) AS fail
    FROM line JOIN tallies ON tallies.agent_seq = line.source GROUP BY line.seq
"""
"""Every trial once for each agent whose clade it is in: UNION drops second paths to an ancestor."""


def upgrade() -> None:
    op.drop_index("ix_agents_behaviour", "agents")
    op.create_index("ix_agents_generation", "agents", ["generation"])
    remake(
        "agent_parents",
        """SELECT agent.seq AS agent_seq, ordinal, parent.seq AS parent_seq FROM agent_parents
           JOIN agents agent ON agent.id = agent_id JOIN agents parent ON parent.id = parent_id""",
        _parents,
    )
    remake(
        "tallies",
        """SELECT seq AS agent_seq, status, ok, fail, 0 AS clade_ok, 0 AS clade_fail, children
           FROM tallies JOIN agents ON agents.id = agent_id""",
        _tallies,
    )
    op.execute(f"CREATE TEMPORARY TABLE clades AS {_CLADES}")
    op.execute(
        """UPDATE tallies SET
           clade_ok = (SELECT clades.ok FROM clades WHERE clades.seq = agent_seq),
           clade_fail = (SELECT clades.fail FROM clades WHERE clades.seq = agent_seq)
           WHERE agent_seq IN (SELECT seq FROM clades)"""
    )
    op.execute("DROP TABLE clades")
    remake(
        "events",
        f"""SELECT {_EVENT}, agent.seq AS agent_seq, incumbent.seq AS incumbent_seq FROM events
            JOIN agents agent ON agent.id = agent_id
            LEFT JOIN agents incumbent ON incumbent.id = incumbent_id""",
        _events,
    )
    number_events_on()


def downgrade() -> None:
    op.drop_index("ix_agents_generation", "agents")
    op.create_index("ix_agents_behaviour", "agents", ["behaviour"])
    remake(
        "agent_parents",
        """SELECT agent.id AS agent_id, ordinal, parent.id AS parent_id FROM agent_parents
           JOIN agents agent ON agent.seq = agent_seq
           JOIN agents parent ON parent.seq = parent_seq""",
        _parents_0001,
    )
    remake(
        "tallies",
        """SELECT agents.id AS agent_id, status, ok, fail, children
           FROM tallies JOIN agents ON agents.seq = agent_seq""",
        _tallies_0001,
    )
    remake(
        "events",
        f"""SELECT {_EVENT}, agent.id AS agent_id, incumbent.id AS incumbent_id FROM events
            JOIN agents agent ON agent.seq = agent_seq
            LEFT JOIN agents incumbent ON incumbent.seq = incumbent_seq""",
        _events_0001,
    )
    number_events_on()


def _seq(name: str, **options: object) -> sa.Column[int]:
    made = {"nullable": False, **options}
    return sa.Column(name, _serial, sa.ForeignKey("agents.seq"), **made)  # type: ignore[arg-type]


def _parents() -> None:
    op.create_table(
        "agent_parents",
        _seq("agent_seq", primary_key=True, autoincrement=False),
        sa.Column("ordinal", sa.Integer, primary_key=True),
        _seq("parent_seq"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_agent_parents_parent_seq", "agent_parents", ["parent_seq"])


def _tallies() -> None:
    op.create_table(
        "tallies",
        _seq("agent_seq", primary_key=True, autoincrement=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("ok", sa.BigInteger, nullable=False),
        sa.Column("fail", sa.BigInteger, nullable=False),
        sa.Column("clade_ok", sa.BigInteger, nullable=False),
        sa.Column("clade_fail", sa.BigInteger, nullable=False),
        sa.Column("children", sa.Integer, nullable=False),
    )


def _events() -> None:
    _create_events(_seq("agent_seq"), _seq("incumbent_seq", nullable=True))
    op.create_index("ix_events_agent_seq", "events", ["agent_seq"])


def _create_events(*agents: sa.Column[int] | sa.Column[str]) -> None:
    op.create_table(
        "events",
        sa.Column("id", _serial, primary_key=True, autoincrement=True),
        sa.Column("key", sa.String(255), nullable=False, unique=True),
        sa.Column("kind", sa.String(24), nullable=False),
        *agents,
        sa.Column("payload", sa.JSON, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("created", sa.String(32), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_kind_id", "events", ["kind", "id"])


def _id(name: str, **options: object) -> sa.Column[str]:
    made = {"nullable": False, **options}
    return sa.Column(name, sa.String(64), sa.ForeignKey("agents.id"), **made)  # type: ignore[arg-type]


def _parents_0001() -> None:
    op.create_table(
        "agent_parents",
        _id("agent_id", primary_key=True),
        sa.Column("ordinal", sa.Integer, primary_key=True),
        _id("parent_id"),
    )
    op.create_index("ix_agent_parents_parent_id", "agent_parents", ["parent_id"])


def _tallies_0001() -> None:
    op.create_table(
        "tallies",
        _id("agent_id", primary_key=True),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("ok", sa.BigInteger, nullable=False),
        sa.Column("fail", sa.BigInteger, nullable=False),
        sa.Column("children", sa.Integer, nullable=False),
    )


def _events_0001() -> None:
    _create_events(_id("agent_id"), _id("incumbent_id", nullable=True))
    op.create_index("ix_events_agent_id", "events", ["agent_id"])
