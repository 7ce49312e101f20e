"""Every panel and every rule gets data from a real Prometheus over a real evolution."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from urllib.parse import urlparse

import pytest
import yaml

from cladeflow.exporter.reader import Terms
from cladeflow.exporter.serve import serve
from cladeflow.home import Home
from cladeflow.runners import inline
from cladeflow.session import Session
from cladeflow.telemetry.live import served
from cladeflow.telemetry.prices import Prices
from dashboards.src.__main__ import GENERATED
from dashboards.src.board import Board, Panel
from dashboards.src.boards import BOARDS
from tests.evolved import start
from tests.prometheus import Prometheus, needs_prometheus, prometheus

ROOT = GENERATED.parent
RULES = [ROOT / "rules" / "cladeflow.yaml", ROOT / "alerts" / "cladeflow.yaml"]
SETTINGS = (
    "rounds.reinforce.repeat=1",
    "task_synthesis=[{seed_tasks: {levels: {chain: {5: 1, 6: 1}}}}]",
    "rollout.sample.n=4",
    "evaluate=[{benchmark_suite: {tasks: 4, samples: 2, k: 2, cells: {chain: {4: 4}}}},"
    "{transfer_retention: {tasks: 5}}, {exploration_monitor: {k: 2}}]",
    "promote=always",
    "scale.tasks=8",
    "scale.shard=8",
    "scale.max_tokens=64",
    "scale.training.token_batch=512",
    "scale.training.epochs=1",
)
"""A policy gradient, so that there are groups, a KL and a gradient norm."""
EMPTY = {"Cost per point gained": "absent where no promoted child was better, as may be here"}
"""Panels that a healthy evolution may leave empty, and why."""
SERIES = re.compile(r"\bcladeflow:[a-z_]+:[a-z]+|\bcladeflow_[a-z_]+(?:\{[^}]*\})?")
COUNTER = re.compile(r"(?m)^(\S+_(?:total|bucket|sum|count)\S*) (\S+)$")


@contextmanager
def recorded(path: Path) -> Iterator[str]:
    """Serves an exposition file; its counters grow from scrape to scrape."""
    scrapes = 0

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            nonlocal scrapes
            scrapes += 1
            text = COUNTER.sub(lambda m: f"{m[1]} {float(m[2]) * scrapes}", path.read_text())
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def exporter(home: Home) -> Iterator[str]:
    stop, said = Event(), list[str]()
    terms = Terms(Prices.read(), budget=5.0, interval=3600.0)
    thread = Thread(target=serve, args=(home, "127.0.0.1", 0, 0.2, terms, said.append, stop))
    thread.start()
    try:
        while not said:
            assert thread.is_alive()
        yield urlparse(said[0].partition(": ")[2]).netloc
    finally:
        stop.set()
        thread.join()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    directory = tmp_path_factory.mktemp("dashboards")
    home = start(directory / "home", SETTINGS, "grpo")
    with ExitStack() as stack, Session(home) as session:
        live = stack.enter_context(served(session.live, "0"))
        inline.run(session, 1)
        targets = {
            "exporter": stack.enter_context(exporter(home)),
            "live": urlparse(live).netloc,
            "cluster": stack.enter_context(recorded(ROOT / "tests" / "cluster.prom")),
        }
        running = stack.enter_context(prometheus(directory, targets, RULES))
        running.wait("cladeflow_finished_generations == 1")
        running.wait("cladeflow:heldout_score:ratio")
        running.wait("rate(vllm:generation_tokens_total[5m]) > 0")
        yield running


PANELS = [(board, panel) for board in BOARDS for panel in board.panels]


@needs_prometheus
@pytest.mark.parametrize(
    ("board", "panel"), PANELS, ids=[f"{board.uid}: {panel.title}" for board, panel in PANELS]
)
def test_every_panel_has_data(board: Board, panel: Panel, server: Prometheus) -> None:
    for query in panel.queries:
        expression = query.expr.replace("$evolution", ".*")
        found = (server.query if panel.title in EMPTY else server.wait)(expression)
        assert all(series["value"][1] != "NaN" for series in found), query.expr
        names = set(re.findall(r"\{\{(\w+)\}\}", query.legend)) - {"round"}
        assert all(names <= set(series["metric"]) for series in found), query.legend


@needs_prometheus
def test_every_recording_rule_has_data(server: Prometheus) -> None:
    for rule in rules(RULES[0]):
        server.wait(rule["record"])


@needs_prometheus
def test_every_alert_looks_at_something_that_is_there(server: Prometheus) -> None:
    for rule in rules(RULES[1]):
        asked = SERIES.findall(rule["expr"])
        assert asked, rule["alert"]
        for series in asked:
            server.wait(series)
    [group] = [g for g in server.get("rules")["groups"] if g["file"] == str(RULES[1])]
    assert [rule["health"] for rule in group["rules"]] == ["ok"] * len(rules(RULES[1]))


def rules(path: Path) -> list[dict[str, str]]:
    return [rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]
