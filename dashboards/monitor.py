"""The exporter of a home, and a Prometheus with the rules and alerts, on loopback.

    python -m dashboards.monitor HOME [--port 9090] [--exporter-port 9464]

Runs until interrupted; Prometheus keeps its data in a directory that is removed then.
"""

import argparse
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from socket import socket
from urllib.request import urlopen

from cladeflow.errors import CladeflowError

_HOST = "127.0.0.1"
_HERE = Path(__file__).parent
_PATIENCE_SECONDS = 60.0
_INTERVAL = "5s"
"""An evolution on a laptop decides a generation in less than a minute."""


def configuration(exporter_port: int) -> str:
    """Prometheus' configuration: JSON, which is YAML."""
    rules = [str(_HERE / name / "cladeflow.yaml") for name in ("rules", "alerts")]
    scraped = {
        "job_name": "cladeflow",
        "static_configs": [{"targets": [f"{_HOST}:{exporter_port}"]}],
    }
    every = {"scrape_interval": _INTERVAL, "evaluation_interval": _INTERVAL}
    return json.dumps({"global": every, "rule_files": rules, "scrape_configs": [scraped]})


def monitor(home: Path, port: int, exporter_port: int) -> None:
    """Start both, say where to look, and wait until one ends or somebody interrupts.

    Raises `CladeflowError` where Prometheus is missing or one of them does not start.
    """
    if shutil.which("prometheus") is None:
        raise CladeflowError("prometheus is not on the path; on Debian: apt-get install prometheus")
    _require_free(port)
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (directory / "prometheus.yml").write_text(configuration(exporter_port))
        exporter = [sys.executable, "-m", "cladeflow", "exporter", "--home", str(home)]
        prometheus = [
            "prometheus",
            f"--config.file={directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={directory / 'tsdb'}",
            f"--web.listen-address={_HOST}:{port}",
            "--log.level=warn",
        ]
        children = [
            _start(stack, [*exporter, "--port", str(exporter_port)]),
            _start(stack, prometheus),
        ]
        _await(f"http://{_HOST}:{exporter_port}/healthz", children)
        _await(f"http://{_HOST}:{port}/-/ready", children)
        print(_where(port, exporter_port), flush=True)
        while all(child.poll() is None for child in children):
            time.sleep(0.5)
        raise CladeflowError("the exporter or Prometheus ended; what it said is above")


def _require_free(port: int) -> None:
    """Raise `CladeflowError` where Prometheus could not listen, which says so among much else."""
    with socket() as probe:
        if probe.connect_ex((_HOST, port)) == 0:
            raise CladeflowError(f"{_HOST}:{port} is in use by another process; choose another")


def _start(stack: ExitStack, command: list[str]) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(command, start_new_session=True)
    stack.callback(process.wait)
    stack.callback(process.terminate)
    return process


def _await(url: str, children: "list[subprocess.Popen[bytes]]") -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if any(child.poll() is not None for child in children):
            break
        try:
            urlopen(url, timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise CladeflowError(f"{url} does not answer; what was said is above")


def _where(port: int, exporter_port: int) -> str:
    graph = f"http://{_HOST}:{port}/graph?g0.range_input=1h&g0.tab=0&g0.expr="
    return "\n".join(
        (
            f"scores:      {graph}cladeflow%3Aheldout_score%3Aratio",
            f"generations: {graph}cladeflow_finished_generations",
            f"alerts:      http://{_HOST}:{port}/alerts",
            f"metrics:     http://{_HOST}:{exporter_port}/metrics",
            f"Grafana:     import dashboards/generated/*.json, data source http://{_HOST}:{port}",
            "Ctrl-C ends it",
        )
    )


def main() -> int:
    """Run until interrupted; 2 where something is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("home", type=Path)
    parser.add_argument("--port", type=int, default=9090, help="of Prometheus")
    parser.add_argument("--exporter-port", type=int, default=9464)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        monitor(options.home, options.port, options.exporter_port)
    except KeyboardInterrupt:
        return 0
    except CladeflowError as error:
        print(f"monitoring: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
