"""A real Prometheus scrapes the real exporter over a real evolution."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from cladeflow.exporter.reader import Reader, Terms
from cladeflow.exporter.serve import serve
from cladeflow.home import Home
from cladeflow.telemetry import METRICS
from cladeflow.telemetry.prices import Prices
from tests.evolved import evolve, start
from tests.prometheus import free_port, needs_prometheus, prometheus, promtool

TERMS = Terms(Prices.read(), budget=1.0, interval=3600.0)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = start(tmp_path_factory.mktemp("exported") / "home")
    evolve(home, 1)
    return home


@contextmanager
def exporter(home: Home, terms: Terms = TERMS) -> Iterator[str]:
    """The exporter on a thread; its address."""
    port, stop, said = free_port(), Event(), list[str]()
    arguments = (home, "127.0.0.1", port, 0.1, terms, said.append, stop)
    thread = Thread(target=serve, args=arguments)
    thread.start()
    try:
        while not said:
            assert thread.is_alive()
        yield f"127.0.0.1:{port}"
    finally:
        stop.set()
        thread.join()


def status(url: str) -> int:
    try:
        with urlopen(url) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


def counters(reader: Reader) -> dict[tuple[str, ...], float]:
    return {
        (sample.spec.name, *map(str, sorted({**place, **sample.labels}.items()))): sample.value
        for place, sample in reader.samples()
        if sample.spec.kind == "counter"
    }


@needs_prometheus
def test_prometheus_follows_an_evolution(home: Home, tmp_path: Path) -> None:
    with exporter(home) as address, prometheus(tmp_path, {"cladeflow": address}) as server:
        [generation] = server.wait("cladeflow_finished_generations == 1")
        assert generation["metric"]["recipe"] == "default"
        assert server.query("cladeflow_archive_agents{status='promoted'} == 1")
        evolve(home, 2)
        server.wait("cladeflow_finished_generations == 2")
        series = server.get("label/__name__/values")
        assert not {"generation", "agent", "task"} & set(server.get("labels"))
        assert {name for name in series if name.startswith("cladeflow_")} <= scraped_names()
        assert status(f"http://{address}/healthz") == status(f"http://{address}/readyz") == 200
        assert status(f"http://{address}/elsewhere") == 404
        with urlopen(f"http://{address}/metrics") as answer:
            text = answer.read().decode()
    checked = promtool("check", "metrics", given=text)
    assert checked.returncode == 0 and not checked.stdout + checked.stderr


def scraped_names() -> set[str]:
    """Every name that a scrape may store."""
    parts = {"summary": ("_sum", "_count"), "histogram": ("_sum", "_count", "_bucket")}
    return {name + part for name, spec in METRICS.items() for part in parts.get(spec.kind, ("",))}


def test_counters_survive_a_restart(home: Home) -> None:
    once, again = Reader(home, TERMS, print), Reader(home, TERMS, print)
    once.refresh()
    once.refresh()
    again.refresh()
    assert counters(once) == counters(again)
    assert any(value > 0 for value in counters(again).values())
    once.close()
    again.close()
