"""One holder per lease, told by host, pid, start time and heartbeat."""

import time
from typing import Any

import pytest
from sqlalchemy import update

from cladeflow.archive.archive import Archive
from cladeflow.archive.lease import STALE_SECONDS, Lease
from cladeflow.archive.schema import leases
from cladeflow.errors import HomeError


def alter(archive: Archive, **columns: Any) -> None:
    with archive.database.write() as db:
        db.execute(update(leases).values(**columns))


def test_a_second_holder_is_told_who_the_first_is(archive: Archive) -> None:
    import os

    with Lease(archive) as held:
        with (
            pytest.raises(HomeError, match=rf"in use by process {os.getpid()} on .* since 2"),
            Lease(archive),
        ):
            pass
        held.ensure()
        with Lease(archive, "another"):
            pass
    with Lease(archive):
        pass


def test_a_lease_without_heartbeat_is_taken_over_and_its_holder_learns_of_it(
    archive: Archive,
) -> None:
    with Lease(archive) as old:
        alter(archive, host="elsewhere", heartbeat=time.time() - STALE_SECONDS / 2)
        with pytest.raises(HomeError, match="on elsewhere"), Lease(archive):
            pass
        alter(archive, heartbeat=time.time() - STALE_SECONDS - 1)
        with Lease(archive) as new:
            with pytest.raises(HomeError, match="another one took over"):
                old.ensure()
            new.ensure()


@pytest.mark.parametrize("columns", [{"pid": 2**22 + 1}, {"process_start": "12"}])
def test_a_dead_process_of_this_host_holds_nothing(
    archive: Archive, columns: dict[str, Any]
) -> None:
    with Lease(archive):
        alter(archive, **columns)
        with Lease(archive):
            pass


def test_a_leaving_holder_does_not_free_the_lease_of_its_successor(archive: Archive) -> None:
    with Lease(archive) as old:
        alter(archive, heartbeat=0.0)
        new = Lease(archive).__enter__()
        assert new is not old
    new.ensure()
    new.__exit__()


def test_the_heartbeat_keeps_a_lease_fresh(archive: Archive) -> None:
    with Lease(archive, heartbeat_seconds=0.05):
        alter(archive, heartbeat=0.0)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with archive.database.read() as db:
                if db.scalars(leases.select().with_only_columns(leases.c.heartbeat)).one():
                    return
            time.sleep(0.02)
    pytest.fail("no heartbeat")
