"""An archive that grows under an open connection: rows are looked up, not looked for."""

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import Connection, text

from cladeflow.archive import Event
from cladeflow.archive import postgresql as backend
from cladeflow.archive.archive import Archive
from cladeflow.archive.reading import named
from cladeflow.archive.recording import champion, record
from cladeflow.recipes.model import Resolved
from cladeflow.records import Agent

_READ = "SELECT sum(seq_tup_read + idx_tup_fetch) FROM pg_stat_xact_user_tables"
"""Rows that the transaction has read so far, those among them that were not wanted."""
FEW, MANY = 6, 2000
REPEATED = 10
"""Enough for the connection to prepare a statement and keep its plan."""


def evaluated(agent: Agent, key: object) -> Event:
    trials = {"ok": 1, "fail": 0}
    return Event(key=f"evaluated/{key}", kind="evaluated", agent_id=agent.id, payload=trials)


def rows_read(db: Connection, work: Callable[[], object]) -> int:
    before = db.scalar(text(_READ)) or 0
    work()
    return int(db.scalar(text(_READ)) - before)


@pytest.mark.parametrize("analysed", [False, True])
def test_plans_made_for_a_small_archive_are_not_kept_for_a_large_one(
    postgresql: Any,
    resolved: Resolved,
    initial: Agent,
    make_agent: Any,
    analysed: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backend, "_REPLAN_SECONDS", 1)
    with Archive.create(postgresql.new_archive()) as archive:
        archive.start_evolution(resolved, 0, initial)
        few = [make_agent(f"early {n}", initial) for n in range(FEW)]
        archive.record([Event.added(agent) for agent in few])
        if analysed:
            with archive.database.write() as db:
                db.execute(text("ANALYZE"))
        for n in range(REPEATED):
            archive.record([evaluated(few[n % FEW], n)])
            assert archive.agent(few[n % FEW].id).tally.ok
        archive.record([Event.added(make_agent(str(n), initial)) for n in range(MANY)])
        time.sleep(1.1)
        late = make_agent("late", few[-1], gen=2)
        events = [Event.added(late), evaluated(late, "late")]
        with archive.database.write() as db:
            assert rows_read(db, lambda: record(db, events)) < 50
        with archive.database.read() as db:
            assert rows_read(db, lambda: named(db, late.id, limit=2)) < 10


def test_the_champion_is_found_however_long_ago_it_was_promoted(
    postgresql: Any, resolved: Resolved, initial: Agent, make_agent: Any
) -> None:
    with Archive.create(postgresql.new_archive()) as archive:
        archive.start_evolution(resolved, 0, initial)
        line = [initial, *(make_agent(f"champion {n}", initial) for n in range(MANY // 10))]
        archive.record([Event.added(agent) for agent in line[1:]])
        swaps = [{"agent_id": b.id, "incumbent_id": a.id} for a, b in pairwise(line)]
        archive.record([Event(key=f"p/{n}", kind="promoted", **s) for n, s in enumerate(swaps)])
        archive.record([Event.added(make_agent(str(n), initial)) for n in range(MANY)])
        with archive.database.write() as db:
            db.execute(text("ANALYZE"))
        with archive.database.read() as db:
            assert rows_read(db, lambda: champion(db)) < 10
        assert archive.champion().agent == line[-1]
