"""The lease: one process at a time changes a home, and a dead one does not keep it."""

import os
import platform
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Self
from uuid import uuid4

from sqlalchemy import delete, insert, select, update

from cladeflow.archive.archive import Archive
from cladeflow.archive.events import now
from cladeflow.archive.schema import leases
from cladeflow.errors import HomeError

STALE_SECONDS = 60.0
"""A holder that has not been heard of for so long is taken for dead, on whatever host it was."""
HEARTBEAT_SECONDS = 10.0
_RETRY_SECONDS = 0.1
_STOP = signal.SIGUSR2
"""Interrupts the main thread, also where Ctrl-C is ignored, as in the background of a script."""


class _Process(NamedTuple):
    """A process that no other is mistaken for: pids come again, start times do not."""

    host: str
    pid: int
    start: str

    @property
    def dead(self) -> bool:
        """Whether it is certain, seen from this host, that the process is gone."""
        return self.host == platform.node() and _process_start(self.pid) != self.start


class Lease:
    """Holds ``name`` in an archive from ``__enter__`` to ``__exit__``, with a heartbeat.

    Ages are told by the database's clock, which is the same for every host.

    Raises `HomeError` naming the owner where another live process holds it, once ``patience``
    seconds have passed. A process that stood still for so long that another one took over is
    interrupted at its next heartbeat, as by Ctrl-C, and hears why.
    """

    def __init__(
        self,
        archive: Archive,
        name: str = "evolve",
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        patience: float = 0.0,
    ) -> None:
        self._archive = archive
        self._name = name
        self._interval = heartbeat_seconds
        self._patience = patience
        self._token = uuid4().hex
        self._mine = (leases.c.name == name) & (leases.c.token == self._token)
        self._released = threading.Event()
        self._lost = False
        self._handler: Any = None
        """What took the signal before, where the main thread holds the lease."""
        self._thread = threading.Thread(target=self._beat, name=f"lease-{name}", daemon=True)

    def __enter__(self) -> Self:
        deadline = time.monotonic() + self._patience
        while True:
            try:
                self._acquire()
                break
            except HomeError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(_RETRY_SECONDS)
        if threading.current_thread() is threading.main_thread():
            self._handler = signal.signal(_STOP, signal.default_int_handler)
        self._thread.start()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._released.set()
        self._thread.join()
        # On a full disk the lease stays, and is soon that of a dead process.
        with suppress(HomeError), self._archive.database.write() as db:
            db.execute(delete(leases).where(self._mine))
        if self._handler is not None:
            signal.signal(_STOP, self._handler)
        if self._lost and isinstance(error, KeyboardInterrupt):
            raise HomeError(
                f"this process stood still for more than {STALE_SECONDS:.0f} s and another one "
                f"took over {self._archive.database.where}; run the same command again to go on"
            ) from error

    def _acquire(self) -> None:
        """Take a free or stale lease; no other writer is active between look and write."""
        me = _Process(platform.node(), os.getpid(), _process_start(os.getpid()))
        row = {
            "name": self._name,
            "token": self._token,
            "host": me.host,
            "pid": me.pid,
            "process_start": me.start,
            "since": now(),
        }
        database = self._archive.database
        with database.write() as db:
            moment = database.clock(db)
            held = db.execute(select(leases).where(leases.c.name == self._name)).mappings().first()
            if held is not None:
                self._require_stale(dict(held), moment)
                db.execute(delete(leases).where(leases.c.name == self._name))
            db.execute(insert(leases).values(heartbeat=moment, **row))

    def _require_stale(self, held: dict[str, Any], moment: float) -> None:
        owner = _owner(held, moment)
        if owner is not None:
            raise HomeError(
                f"{self._archive.database.where} is in use by {owner}; wait for it, stop it, or "
                "choose another --home"
            )

    def _beat(self) -> None:
        while not self._lost and not self._released.wait(self._interval):
            with suppress(HomeError):  # busy or full for a moment: the next beat is soon enough
                self._lost = not self._renewed()
        if self._lost and self._handler is not None:
            signal.pthread_kill(threading.main_thread().ident or 0, _STOP)

    def _renewed(self) -> bool:
        """Whether the lease is still this process's; its heartbeat is now."""
        database = self._archive.database
        with database.write() as db:
            beat = update(leases).where(self._mine).values(heartbeat=database.clock(db))
            return db.execute(beat).rowcount == 1


def holder(archive: Archive, name: str = "evolve") -> str | None:
    """The process that holds the lease and is not known to be dead, in words."""
    with archive.database.read() as db:
        row = db.execute(select(leases).where(leases.c.name == name)).mappings().first()
        moment = archive.database.clock(db)
    return None if row is None else _owner(dict(row), moment)


def _owner(held: dict[str, Any], moment: float) -> str | None:
    """Whose a lease is, unless it is stale."""
    process = _Process(held["host"], held["pid"], held["process_start"])
    if moment - held["heartbeat"] >= STALE_SECONDS or process.dead:
        return None
    return f"process {process.pid} on {process.host} since {held['since']}"


def _process_start(pid: int) -> str:
    """When a process started, as the kernel counts it; "gone" for one that is not running.

    Where there is no /proc, running processes all look alike and only the pid tells them apart.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return "running" if _answers(pid) and not Path("/proc/self").exists() else "gone"
    state, *fields = stat.rpartition(")")[2].split()
    return "gone" if state in "ZX" else fields[18]


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
