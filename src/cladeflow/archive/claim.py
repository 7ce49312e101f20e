"""The claim: which pipeline run is working on a home. No process of it lives as long as it does.

So it has no heartbeat, as a `Lease` has: whoever wants the home judges from what the run leaves
behind whether it still goes on.
"""

import hashlib
from collections.abc import Callable

from sqlalchemy import delete, insert, select

from cladeflow.archive.archive import Archive
from cladeflow.archive.events import now
from cladeflow.archive.lease import STALE_SECONDS
from cladeflow.archive.schema import leases

_NAME = "run"


def claim(archive: Archive, run: str, goes_on: Callable[[str, float], bool]) -> str:
    """Claim a home for ``run``; who has it, if another does that ``goes_on``.

    ``goes_on`` is asked with a run and the seconds since it claimed the home. A process that holds
    the lease has it too. Empty: the claim was made, or was this run's already.
    """
    with archive.database.write() as db:
        moment = archive.database.clock(db)
        rows = {row["name"]: row for row in db.execute(select(leases)).mappings()}
        process, held = rows.get("evolve"), rows.get(_NAME)
        if process is not None and moment - process["heartbeat"] < STALE_SECONDS:
            return f"process {process['pid']} on {process['host']}"
        if held is not None and held["host"] != run:
            if goes_on(held["host"], moment - held["heartbeat"]):
                return f"run {held['host']}"
            db.execute(delete(leases).where(leases.c.name == _NAME))
        if held is None or held["host"] != run:
            row = {"name": _NAME, "host": run, "pid": 0, "process_start": "", "since": now()}
            token = hashlib.sha256(run.encode()).hexdigest()[:32]
            db.execute(insert(leases).values(heartbeat=moment, token=token, **row))
    return ""


def claimant(archive: Archive) -> tuple[str, float] | None:
    """The run that claimed the home last, and how many seconds ago."""
    with archive.database.read() as db:
        row = db.execute(select(leases).where(leases.c.name == _NAME)).mappings().first()
        return (row["host"], archive.database.clock(db) - row["heartbeat"]) if row else None
