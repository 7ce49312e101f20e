"""One holder per lease, told by host, pid, start time and heartbeat."""

import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import update

from cladeflow.archive.archive import Archive
from cladeflow.archive.lease import STALE_SECONDS, Lease, holder
from cladeflow.archive.schema import leases
from cladeflow.errors import HomeError


def alter(archive: Archive, **columns: Any) -> None:
    with archive.database.write() as db:
        db.execute(update(leases).values(**columns))


def test_a_second_holder_is_told_who_the_first_is(archive: Archive) -> None:
    import os

    with Lease(archive):
        with (
            pytest.raises(HomeError, match=rf"in use by process {os.getpid()} on .* since 2"),
            Lease(archive),
        ):
            pass
        assert str(holder(archive)).startswith(f"process {os.getpid()} on ")
        with Lease(archive, "another"):
            pass
    assert holder(archive) is None
    with Lease(archive):
        pass


def test_a_lease_without_heartbeat_is_taken_over(archive: Archive) -> None:
    with Lease(archive):
        alter(archive, host="elsewhere", heartbeat=time.time() - STALE_SECONDS / 2)
        with pytest.raises(HomeError, match="on elsewhere"), Lease(archive):
            pass
        alter(archive, heartbeat=time.time() - STALE_SECONDS - 1)
        with Lease(archive):
            pass


@pytest.fixture
def without_ctrl_c() -> Iterator[None]:
    """As in the background of a script."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("without_ctrl_c")
def test_a_holder_that_was_taken_over_is_interrupted_and_hears_why(archive: Archive) -> None:
    with (
        pytest.raises(HomeError, match=r"another one took over .* same command again"),
        Lease(archive, heartbeat_seconds=0.05),
    ):
        alter(archive, token="another's")
        time.sleep(30)
    with archive.database.read() as db:
        assert db.scalars(leases.select().with_only_columns(leases.c.token)).one() == "another's"


@pytest.mark.parametrize("columns", [{"pid": 2**22 + 1}, {"process_start": "12"}])
def test_a_dead_process_of_this_host_holds_nothing(
    archive: Archive, columns: dict[str, Any]
) -> None:
    with Lease(archive):
        alter(archive, **columns)
        assert holder(archive) is None
        with Lease(archive):
            pass


def test_a_leaving_holder_does_not_free_the_lease_of_its_successor(archive: Archive) -> None:
    with Lease(archive) as old:
        alter(archive, heartbeat=0.0)
        new = Lease(archive).__enter__()
        assert new is not old
    with pytest.raises(HomeError, match="in use by process"), Lease(archive):
        pass
    new.__exit__(None, None, None)


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
