"""How often gates err, and what they detect: the tables of docs/statistics.md."""
