"""An MLflow server as teams run one."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_QUIET = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}


@contextmanager
def serving(store: str, directory: Path) -> Iterator[str]:
    """Serve ``store`` and keep artifacts in ``directory``; the server's address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", store]
    command += ["--artifacts-destination", str(directory / "artifacts")]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    with (directory / "server.log").open("w") as log:
        process = subprocess.Popen(
            command, env=os.environ | _QUIET, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield _answering(f"http://127.0.0.1:{port}", process)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def _answering(address: str, process: "subprocess.Popen[bytes]") -> str:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        assert process.poll() is None
        with suppress(OSError), urllib.request.urlopen(f"{address}/health"):
            return address
        time.sleep(0.2)
    raise AssertionError("no server")
