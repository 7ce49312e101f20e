"""How fast the archive is at a million agents, on SQLite and on PostgreSQL."""
