"""PostgreSQL checks the agents that rows name once a statement, not once a row.

A foreign key looks up, and locks, an agent for every row: a fifth of the time that a batch of
agents takes. SQLite keeps its foreign keys, which cost it little.
"""

from alembic import op

revision = "0004"
down_revision = "0003"

_NAMED = {
    "agent_parents": ("agent_seq", "parent_seq"),
    "tallies": ("agent_seq",),
    "events": ("agent_seq", "incumbent_seq"),
}
"""Columns that name an agent, by table."""


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table, columns in _NAMED.items():
            for column in columns:
                op.drop_constraint(f"{table}_{column}_fkey", table)
            _require_agents(table, columns)
        _keep_agents()


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION agents_stay CASCADE")
        for table, columns in _NAMED.items():
            op.execute(f"DROP FUNCTION {table}_known CASCADE")
            for column in columns:
                name = f"{table}_{column}_fkey"
                op.create_foreign_key(name, table, "agents", [column], ["seq"])


def _require_agents(table: str, columns: tuple[str, ...]) -> None:
    """Refuse statements that insert rows of unknown agents, as a foreign key would."""
    unknown = (
        f"({column} IS NOT NULL AND NOT EXISTS (SELECT FROM agents WHERE seq = {column}))"
        for column in columns
    )
    _trigger(
        f"{table}_known",
        f"""IF EXISTS (SELECT FROM added WHERE {" OR ".join(unknown)}) THEN
                RAISE foreign_key_violation USING MESSAGE = '{table}: no such agent';
            END IF;
            RETURN NULL;""",
        f"AFTER INSERT ON {table} REFERENCING NEW TABLE AS added",
    )


def _keep_agents() -> None:
    """Refuse to take away, or to number anew, an agent that rows may name."""
    _trigger(
        "agents_stay",
        "RAISE restrict_violation USING MESSAGE = 'agents stay as they are';",
        "BEFORE UPDATE OR DELETE OR TRUNCATE ON agents",
    )


def _trigger(name: str, body: str, when: str) -> None:
    """A function, and the trigger that calls it once a statement."""
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$"
    )
    op.execute(f"CREATE TRIGGER {name} {when} FOR EACH STATEMENT EXECUTE FUNCTION {name}()")
