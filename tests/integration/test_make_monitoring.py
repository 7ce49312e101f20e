"""``make monitoring`` as a person runs it."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from socket import socket

import pytest

from dashboards import monitor
from tests.evolved import start
from tests.prometheus import Prometheus, free_port, needs_prometheus


@needs_prometheus
def test_it_watches_a_home_and_leaves_nothing_behind(tmp_path: Path) -> None:
    home = start(tmp_path / "home")
    port, exporter_port = free_port(), free_port()
    command = [sys.executable, "-m", "dashboards.monitor", str(home.directory)]
    command += ["--port", str(port), "--exporter-port", str(exporter_port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    try:
        said = [process.stdout.readline() for _ in range(6)]
        assert f"http://127.0.0.1:{port}/alerts" in said[2]
        server = Prometheus(f"127.0.0.1:{port}")
        server.wait("cladeflow_finished_generations == 0")
        groups = server.get("rules")["groups"]
        assert sorted(len(group["rules"]) for group in groups) == [6, 10]
    finally:
        os.kill(process.pid, signal.SIGTERM)
        process.wait(timeout=60)
    for taken in (port, exporter_port):
        with socket() as probe:
            assert probe.connect_ex(("127.0.0.1", taken)) != 0


@needs_prometheus
@pytest.mark.parametrize("options", [("--port", "--exporter-port"), ("--exporter-port", "--port")])
def test_a_port_in_use_ends_it_with_a_reason(tmp_path: Path, options: tuple[str, str]) -> None:
    with socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "dashboards.monitor", str(tmp_path)]
        command += [options[0], str(free_port()), options[1], str(port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert f"127.0.0.1:{port} is in use by another process" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_rules_that_it_names_are_there() -> None:
    text = monitor.configuration(1)
    for name in ("rules", "alerts"):
        path = Path(monitor.__file__).parent / name / "cladeflow.yaml"
        assert str(path) in text and path.is_file()
