"""The archive's tables as the newest migration leaves them.

``events`` is the authority and is only ever appended to; ``agents`` and ``agent_parents`` are
immutable content that events refer to; ``tallies`` is folded from events. Tallies are a narrow
table of their own because they change with every event while agents never do.

Rows name agents by ``seq``, a number in the order of their birth: at a million agents, rows and
indices that are ordered by ids, which are as good as random, cost a page of disk for every row.
For the same reason the event that brings an agent, of which there is one for each, has no key of
its own: its agent stands for it.

That an agent which a row names is there, SQLite checks by foreign keys, and PostgreSQL by triggers:
there a foreign key costs as much as the row does.
"""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
)

metadata = MetaData()

ID_LENGTH = 64
"""Characters of an agent's id."""

_serial = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only where the type is called INTEGER."""


def _agent(name: str, **options: Any) -> Column[int]:
    """A column that names an agent."""
    return Column(name, _serial, ForeignKey("agents.seq"), **{"nullable": False, **options})


def _where(condition: str) -> dict[str, Any]:
    """The rows that an index is of."""
    return {f"{name}_where": text(condition) for name in ("sqlite", "postgresql")}


evolution = Table(
    "evolution",
    metadata,
    Column(
        "single", Integer, CheckConstraint("single = 1", name="one_evolution"), primary_key=True
    ),
    Column("id", String(64), nullable=False),
    Column("uid", String(32), nullable=False),
    Column("recipe", Text, nullable=False),
    Column("recipe_hash", String(64), nullable=False),
    Column("resolved", JSON, nullable=False),
    Column("scale", Text, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("initial", String(ID_LENGTH), ForeignKey("agents.id"), nullable=False),
    Column("created", String(32), nullable=False),
)

agents = Table(
    "agents",
    metadata,
    Column("seq", _serial, primary_key=True, autoincrement=True),
    Column("id", String(ID_LENGTH), nullable=False, unique=True),
    Column("generation", Integer, nullable=False, index=True),
    Column("child", Integer, nullable=False),
    Column("behaviour", String(64), nullable=False),
    Column("agent", Text, nullable=False),
    Column("created", String(32), nullable=False),
    sqlite_autoincrement=True,
)

agent_parents = Table(
    "agent_parents",
    metadata,
    _agent("agent_seq", primary_key=True, autoincrement=False),
    Column("ordinal", Integer, primary_key=True),
    _agent("parent_seq"),
    sqlite_with_rowid=False,
)

tallies = Table(
    "tallies",
    metadata,
    _agent("agent_seq", primary_key=True, autoincrement=False),
    Column("status", String(16), nullable=False),
    Column("ok", BigInteger, nullable=False),
    Column("fail", BigInteger, nullable=False),
    Column("clade_ok", BigInteger, nullable=False),
    Column("clade_fail", BigInteger, nullable=False),
    Column("children", Integer, nullable=False),
)

COUNTERS = ("ok", "fail", "clade_ok", "clade_fail", "children")
"""The columns of ``tallies`` that only grow."""

events = Table(
    "events",
    metadata,
    Column("id", _serial, primary_key=True, autoincrement=True),
    Column("key", String(255), unique=True),
    Column("kind", String(24), nullable=False),
    _agent("agent_seq"),
    _agent("incumbent_seq", nullable=True),
    Column("payload", JSON, nullable=False),
    Column("who", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("created", String(32), nullable=False),
    CheckConstraint("(kind = 'added') = (key IS NULL)", name="added_by_agent"),
    Index("ix_events_added", "agent_seq", unique=True, **_where("key IS NULL")),
    Index("ix_events_kind_id", "kind", "id"),
    Index("ix_events_agent_seq", "agent_seq"),
    sqlite_autoincrement=True,
)

leases = Table(
    "leases",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("token", String(32), nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("process_start", String(64), nullable=False),
    Column("since", String(32), nullable=False),
    Column("heartbeat", Float, nullable=False),
)
