"""The caller's side of the checker process: batches in, verdicts out, whatever happens there."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Self

from cladeflow.errors import CladeflowError
from cladeflow.records import Target, Task, Verdict, Verifier
from cladeflow.records.verdict import Outcome
from cladeflow.sandbox.limits import Limits
from cladeflow.sandbox.wire import Item, decode_verdict, encode_batch
from cladeflow.sandbox.worker import WorkerConfig

_CHUNK = 64
"""Items per line: few enough that a restart resends little, enough to hide the round trip."""
_AHEAD_BYTES = 1 << 16
"""Of a line that is sent before all of the last one is answered: so much fits into a socket that
nobody reads, and the process, which reads nothing while it answers, cannot keep us waiting."""
_LAST_BREATH = 1.0
"""Seconds that a process which has hung up may take to end by itself."""


class CheckerClient:
    """Judges attempts in a process of its own that alone opens the gold store.

    A check that outlives its wall clock is killed with its process and becomes outcome "timeout";
    one that raises or brings the process down becomes "error". Neither is a reward. The other
    items are judged by a new process, and their verdicts do not depend on it.
    """

    def __init__(
        self,
        gold: Path,
        *,
        modules: Sequence[str] = (),
        limits: Limits | None = None,
        told: Callable[[str], None] = lambda outcome: None,
    ) -> None:
        """Name the gold store's root, and modules that register further environments.

        ``told`` hears of every outcome as it comes.
        """
        self.limits = limits or Limits()
        self._gold = gold.resolve()
        self._modules = tuple(modules)
        self._told = told
        self._worker: _Worker | None = None

    def __enter__(self) -> Self:
        self._worker = self._spawned()  # gets ready while the caller does something else
        return self

    def __exit__(self, *_: object) -> None:
        if self._worker is not None:
            self._worker.kill()
            self._worker = None

    def check(self, items: Sequence[Item]) -> list[Verdict]:
        """`verdicts`, all of them."""
        return list(self.verdicts(items))

    def verdicts(self, items: Sequence[Item]) -> Iterator[Verdict]:
        """One verdict per item, in order, as they come; each one's target is the task.

        What the caller does between two of them is done while the process judges on. The batch's
        wall clock starts when the process is there to judge it.
        """
        self._worker = self._ready()
        deadline = monotonic() + self.limits.batch_seconds
        done = 0
        while done < len(items):
            if monotonic() >= deadline:
                note = f"the batch took more than {self.limits.batch_seconds:g} s"
                yield from (_unjudged(task, "timeout", note) for task, _ in items[done:])
                return
            for verdict in self._of_one_process(items[done:], deadline):
                self._told(verdict.outcome)
                yield verdict
                done += 1

    def _of_one_process(self, items: Sequence[Item], deadline: float) -> Iterator[Verdict]:
        """Verdicts of the first items, up to one that ended the process, if any did."""
        worker = self._ready()
        self._worker = None  # unless every reply is read: another batch must not see one of these
        done = 0
        try:
            for verdict in self._replies(worker, items, deadline):
                yield verdict
                done += 1
            self._worker = worker
        except TimeoutError:
            worker.kill()
            note = f"killed at its wall clock, {self.limits.item_seconds:g} s or the batch's end"
            yield _unjudged(items[done][0], "timeout", note)
        except ConnectionError:
            note = f"the checker process died: {worker.died()}"
            yield _unjudged(items[done][0], "error", note)
        except BaseException:
            worker.kill()
            raise

    def _replies(
        self, worker: "_Worker", items: Sequence[Item], deadline: float
    ) -> Iterator[Verdict]:
        """Verdicts as they come, until the deadline; the process has a line ahead to go on with."""
        starts = range(0, len(items), _CHUNK)
        lines = (encode_batch(items[start : start + _CHUNK]) for start in starts)
        line, sent = next(lines, b""), 0
        for i, (task, _) in enumerate(items):
            due = sent - i
            fits = not due or len(line) <= _AHEAD_BYTES
            if line and due < _CHUNK and fits and monotonic() < deadline:
                with suppress(ConnectionError):  # what it answered before it died is read first
                    worker.send(line, self._until(deadline))
                line, sent = next(lines, b""), sent + _CHUNK
            if sent == i:
                return
            yield decode_verdict(worker.receive(self._until(deadline)), task.id)

    def _until(self, deadline: float) -> float:
        return min(deadline, monotonic() + self.limits.item_seconds)

    def _ready(self) -> "_Worker":
        """The process, once it answers; a new one where the last is gone."""
        worker = self._worker or self._spawned()
        if not worker.ready:
            try:
                worker.receive(monotonic() + self.limits.start_seconds)
            except (TimeoutError, ConnectionError) as error:
                self._worker, reason = None, f"{worker.died()} {worker.complaint}"
                raise CladeflowError(f"the checker process does not start: {reason}") from error
            worker.ready = True
        return worker

    def _spawned(self) -> "_Worker":
        return _Worker(self._gold, self._modules, self.limits)


def _unjudged(task: Task, outcome: Outcome, note: str) -> Verdict:
    return Verdict(
        target=Target(id=task.id),
        value=0.0,
        by=Verifier(strategy=task.checker),
        outcome=outcome,
        note=note,
    )


class _Worker:
    """One checker process and the socket to it."""

    def __init__(self, gold: Path, modules: Sequence[str], limits: Limits) -> None:
        self._socket, theirs = socket.socketpair()
        self._received = b""
        self._lines: list[bytes] = []
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self.ready = False
        """Whether it has said that it is."""
        self.complaint = ""
        """The last line of its error output once it has ended; may quote gold it has opened."""
        config = WorkerConfig(
            descriptor=theirs.fileno(), gold=gold, modules=tuple(modules), limits=limits
        )
        python = [sys.executable, "-s", "-P"]
        self._process = subprocess.Popen(
            [*python, "-m", "cladeflow.sandbox.worker", config.model_dump_json()],
            env=_environment(),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._stderr,
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # Ctrl-C is for the caller; and so one kill takes children too
        )
        theirs.close()

    def send(self, line: bytes, until: float) -> None:
        """Raises TimeoutError or ConnectionError."""
        self._socket.settimeout(max(until - monotonic(), 1e-3))
        self._socket.sendall(line)

    def receive(self, until: float) -> bytes:
        """The next line; raises TimeoutError or ConnectionError."""
        while not self._lines:
            self._socket.settimeout(max(until - monotonic(), 1e-3))
            data = self._socket.recv(1 << 16)
            if not data:
                raise ConnectionResetError("the checker process closed its socket")
            *whole, self._received = (self._received + data).split(b"\n")
            self._lines = whole[::-1]
        return self._lines.pop()

    def died(self) -> str:
        """End it, and say how it had ended by itself."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_LAST_BREATH)
        self.kill()
        code = self._process.returncode
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"

    def kill(self) -> None:
        """End the process and whatever it started."""
        self._socket.close()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        with self._stderr as file:
            file.seek(0)
            self.complaint = file.read().decode(errors="replace").strip().rpartition("\n")[2]


def _environment() -> dict[str, str]:
    """Where to import from, as here; nothing else of the caller's environment."""
    paths = [path for path in sys.path if path]
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONHASHSEED": "0",
        "LC_ALL": "C.UTF-8",
    }
