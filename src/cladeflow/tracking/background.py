"""Projects a home while its models compute."""

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Self

from cladeflow.archive.archive import Archive
from cladeflow.home import Home
from cladeflow.store import explained
from cladeflow.tracking.honour import honour
from cladeflow.tracking.view import Moved

_PATIENCE_SECONDS = 120.0
"""How long a command that is done with everything else waits for MLflow."""
_LOG = "tracking.log"


class Projector:
    """Has a home projected by a process of low priority (``python -m cladeflow.tracking``).

    What goes wrong there is a warning, said once; the next projection catches up.
    """

    def __init__(self, home: Home, say: Callable[[str], None]) -> None:
        self._home = home
        self._say = say
        self._process: subprocess.Popen[str] | None = None
        self._answers: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self._open = 0
        self._moved: Moved | None = None
        self._said: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Wait for what was asked for; after an error, leave it to the next command."""
        if self._process is None:
            return
        self._take()
        if kind:
            self._open = 0
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:  # MLflow takes a second to end in peace, which nothing waits for once all is answered
            self._process.wait(_PATIENCE_SECONDS if self._open else 0)
        except subprocess.TimeoutExpired:
            self._process.terminate()
            self._process.wait()
        self._end()

    def project(self) -> None:
        """Ask for a projection of the home as it will be when the process gets to it."""
        if self._process is not None and self._process.poll() is not None:
            self._end()
        process = self._process or self._start()
        assert process.stdin is not None
        self._open += 1
        with suppress(BrokenPipeError):  # it has died just now, which its reader will tell
            process.stdin.write("project\n")
            process.stdin.flush()

    def wait(self) -> None:
        """Wait until everything asked for is projected, or known not to be."""
        while self._open and self._process is not None:
            try:
                self._hear(self._answers.get(timeout=_PATIENCE_SECONDS))
            except Empty:
                self._process.terminate()

    def honour(self, archive: Archive) -> None:
        """Record what the projections so far have found: that a person moved the alias."""
        self._take()
        if self._moved is not None:
            honour(archive, self._moved)
        self._moved = None

    def _start(self) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "cladeflow.tracking", str(self._home.directory)]
        path = self._home.directory / _LOG
        with explained(path), path.open("a") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                # An interrupt from the terminal is for the parent, which then ends this process.
                start_new_session=True,
            )
        self._reader = Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()
        return self._process

    def _end(self) -> None:
        """Hear the last of a process that has ended or is about to."""
        self._reader.join()
        self._take()
        self._process = None

    def _read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._answers.put(json.loads(line))
        self._answers.put({"ended": True})

    def _take(self) -> None:
        """Hear the answers that are there."""
        while not self._answers.empty():
            self._hear(self._answers.get())

    def _hear(self, answer: dict[str, Any]) -> None:
        if "ended" in answer:
            if self._open:
                self._warn(f"MLflow is not up to date; see {self._home.directory / _LOG}")
            self._open = 0
            return
        self._open -= 1
        moved = answer.get("moved")
        self._moved = Moved(*moved) if moved else None
        if "error" in answer:
            self._warn(answer["error"])

    def _warn(self, problem: str) -> None:
        if problem not in self._said:
            self._said.add(problem)
            self._say(f"warning: {problem}")
