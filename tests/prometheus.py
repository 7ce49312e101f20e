"""A real Prometheus for tests, on loopback; needs Debian's package prometheus."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from socket import socket
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

PATIENCE_SECONDS = 60.0
CONFIGURATION = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: {rules}
scrape_configs:
"""
JOB = "  - {{job_name: {name}, static_configs: [{{targets: ['{target}']}}]}}\n"

needs_prometheus = pytest.mark.skipif(
    shutil.which("promtool") is None and "CI" not in os.environ,
    reason="needs Prometheus (Debian: apt-get install prometheus)",
)


def promtool(*arguments: object, given: str | None = None) -> "subprocess.CompletedProcess[str]":
    """Run promtool."""
    command = ["promtool", *map(str, arguments)]
    return subprocess.run(command, input=given, text=True, capture_output=True, check=False)


class Prometheus:
    """A running server."""

    def __init__(self, address: str) -> None:
        self.address = address

    def get(self, path: str, **parameters: str) -> Any:
        """The data of an API call."""
        with urlopen(f"http://{self.address}/api/v1/{path}?{urlencode(parameters)}") as answer:
            return json.load(answer)["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series that an expression gives now; raises `URLError` for one that is none."""
        found: list[dict[str, Any]] = self.get("query", query=expression)["result"]
        return found

    def wait(self, expression: str) -> list[dict[str, Any]]:
        """As `query`, once there is something."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (found := self.query(expression)):
            assert time.monotonic() < deadline, f"no data for {expression}"
            time.sleep(0.1)
        return found


@contextmanager
def prometheus(
    directory: Path, targets: Mapping[str, str], rules: Sequence[Path] = ()
) -> Iterator[Prometheus]:
    """A server that scrapes ``targets`` (address by job) and evaluates the rules in files."""
    configuration = directory / "prometheus.yml"
    jobs = "".join(JOB.format(name=name, target=target) for name, target in targets.items())
    head = CONFIGURATION.format(rules=json.dumps([str(rule) for rule in rules]))
    configuration.write_text(head + jobs)
    address = f"127.0.0.1:{free_port()}"
    command = [
        "prometheus",
        f"--config.file={configuration}",
        f"--storage.tsdb.path={directory / 'tsdb'}",
        f"--web.listen-address={address}",
    ]
    with (directory / "prometheus.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        server = Prometheus(address)
        _ready(server, process, directory / "prometheus.log")
        yield server
    finally:
        process.terminate()
        process.wait()


def _ready(server: Prometheus, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        assert process.poll() is None, log.read_text()
        try:
            urlopen(f"http://{server.address}/-/ready").close()
        except (URLError, ConnectionError):
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        else:
            return


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
