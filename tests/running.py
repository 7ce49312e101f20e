"""Runs in processes of their own, and the moments at which something happens to them."""

import signal
import subprocess
import sys
import time
from pathlib import Path

PATIENCE_SECONDS = 120.0


def start(*arguments: object) -> "subprocess.Popen[str]":
    """``cladeflow ARGUMENTS`` in a session of its own, as a terminal gives it."""
    return subprocess.Popen(
        [sys.executable, "-m", "cladeflow", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=_hear_interrupts,
    )


def _hear_interrupts() -> None:
    """A shell's background jobs, such as a test run may be, start with Ctrl-C ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_for(process: "subprocess.Popen[str]", home: Path, pattern: str) -> None:
    """Return as soon as a file of ``home`` matches ``pattern``."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not any(home.glob(pattern)):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, f"nothing like {pattern} appeared"
        time.sleep(0.002)
