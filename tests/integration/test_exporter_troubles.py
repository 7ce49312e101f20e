"""The exporter where something is wrong: it says so, serves what it knows, and goes on."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from cladeflow.exporter.reader import Reader, Terms
from cladeflow.home import Home
from cladeflow.telemetry.prices import Prices
from cladeflow.telemetry.server import LOOPBACK, MetricsServer
from tests.command_line import cladeflow
from tests.evolved import evolve, start
from tests.running import start as run


@pytest.fixture(scope="module")
def evolved(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = start(tmp_path_factory.mktemp("troubled") / "home")
    evolve(home, 1)
    return home


def own(reader: Reader, name: str, **labels: str) -> float:
    wanted = f"cladeflow_{name}"
    [found] = [s.value for _, s in reader.samples() if s.spec.name == wanted and s.labels == labels]
    return found


def names(reader: Reader) -> set[str]:
    return {sample.spec.name for _, sample in reader.samples()}


def test_a_home_that_is_empty_is_waited_for(tmp_path: Path) -> None:
    said: list[str] = []
    reader = Reader(Home(tmp_path / "home"), Terms(), said.append)
    for _ in range(3):
        reader.refresh()
    assert len(said) == 1 and "holds no evolution" in said[0]
    assert "holds no evolution" in reader.problem
    assert names(reader) == {
        "cladeflow_exporter_staleness_seconds",
        "cladeflow_exporter_refresh_seconds",
        "cladeflow_exporter_unreadable_documents",
        "cladeflow_exporter_backend_state",
    }
    start(tmp_path / "home")
    reader.refresh()
    assert reader.problem == "" and own(reader, "finished_generations") == 0
    assert said[1:] == ["the archive can be read again"]
    reader.close()


def test_a_back_end_that_is_down_leaves_the_last_state(evolved: Home, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(evolved.directory, home.directory)
    said: list[str] = []
    reader = Reader(home, Terms(), said.append)
    reader.refresh()
    before = names(reader)
    store = home.directory / "store"
    store.rename(home.directory / "unmounted")
    for _ in range(2):
        reader.refresh()
    assert own(reader, "exporter_backend_state", backend="store") == 0
    assert own(reader, "exporter_backend_state", backend="archive") == 1
    assert own(reader, "exporter_staleness_seconds") > 0
    assert names(reader) == before and own(reader, "finished_generations") == 1
    assert len(said) == 1 and "not there any more" in said[0]
    (home.directory / "unmounted").rename(store)
    reader.refresh()
    assert own(reader, "exporter_backend_state", backend="store") == 1
    reader.close()


def test_a_corrupt_metrics_document_is_a_marked_gap(evolved: Home, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(evolved.directory, home.directory)
    [broken] = home.directory.glob("store/generations/1/0/main.0/verification/*/*/metrics.json")
    broken.write_text('[{"name": "cladeflow_verd')
    reader = Reader(home, Terms(), print)
    reader.refresh()
    assert reader.problem == ""
    assert own(reader, "exporter_unreadable_documents") == 1
    assert "cladeflow_mean_reward" not in names(reader)
    assert "cladeflow_trajectories_total" in names(reader)
    reader.close()


def _edit(path: Path, **fields: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


VERIFIED = "store/generations/1/0/main.0/verification/*"
DAMAGES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "metrics cut short": (f"{VERIFIED}/*/metrics.json", lambda path: path.write_text('[{"na')),
    "metrics of another kind": (f"{VERIFIED}/*/metrics.json", lambda path: path.write_text("7")),
    "metrics that are no text": (
        f"{VERIFIED}/*/metrics.json",
        lambda path: path.write_bytes(b"\xff\xfe\x00"),
    ),
    "metrics gone": (f"{VERIFIED}/*/metrics.json", Path.unlink),
    "a commit without a time": (
        f"{VERIFIED}/commit.json",
        lambda path: _edit(path, volatile={}),
    ),
    "a commit without seconds": (
        f"{VERIFIED}/commit.json",
        lambda path: _edit(path, volatile={"created": "noon"}),
    ),
    "a decision that says nothing": (
        "store/generations/1/promote/*/commit.json",
        lambda path: _edit(path, values={}, sets={}),
    ),
    "a plan that is none": (
        "store/generations/1/plan/*/commit.json",
        lambda path: _edit(path, values={}),
    ),
    "evaluations' metrics": ("store/evals/*/*/*/metrics.json", lambda path: path.write_text("{}")),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_whatever_is_damaged_is_a_gap_here_and_in_the_report(
    evolved: Home, tmp_path: Path, damage: str
) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(evolved.directory, home.directory)
    place, make = DAMAGES[damage]
    broken = min(home.directory.glob(place))
    make(broken)
    said: list[str] = []
    reader = Reader(home, Terms(Prices(cpu_hour=0.04)), said.append)
    for _ in range(2):
        reader.refresh()
    assert (reader.problem, said) == ("", [])
    assert own(reader, "begun_generations") == 1
    reader.close()
    page = tmp_path / "report.html"
    prices = tmp_path / "prices.yaml"
    prices.write_text("{cpu_hour: 0.04}")
    ran = cladeflow("report", "--home", home.directory, "--out", page, "--prices", prices)
    assert ran.code == 0 and ran.err.startswith("generation 1: ")
    assert "What is missing here" in page.read_text()
    if "metrics" in damage:
        assert str(broken) in ran.err


def test_a_half_finished_generation_leaves_the_gauges_of_the_one_before(
    evolved: Home, tmp_path: Path
) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(evolved.directory, home.directory)
    first = home.directory / "store" / "generations" / "1"
    shutil.copytree(first, first.parent / "2", ignore=shutil.ignore_patterns("promote"))
    reader = Reader(home, Terms(), print)
    reader.refresh()
    assert own(reader, "begun_generations") == 2
    assert own(reader, "finished_generations") == 1
    reader.close()


def test_a_port_in_use_is_a_clear_error(tmp_path: Path) -> None:
    with MetricsServer(LOOPBACK, 0, lambda: ()) as server:
        port = server.url.rpartition(":")[2].removesuffix("/metrics")
        ran = cladeflow("exporter", "--home", tmp_path, "--port", port)
    assert ran.code == 2
    assert f"127.0.0.1:{port} is in use by another process; choose another port" in ran.err


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (["--prices", "none.yaml"], "--prices none.yaml: No such file"),
        (["--port", 70_000], "ports go from 0 to 65535"),
        (["--refresh", 0], "0"),
    ],
)
def test_wrong_options_are_refused(option: list[object], said: str, tmp_path: Path) -> None:
    ran = cladeflow("exporter", "--home", tmp_path, *option)
    assert ran.code == 2 and said in ran.err


def test_the_command_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    process: subprocess.Popen[str] = run("exporter", "--home", tmp_path, "--port", 0)
    assert process.stderr is not None
    url = process.stderr.readline().strip().rpartition(" ")[2]
    with urlopen(url) as answer:
        assert b"cladeflow_exporter_staleness_seconds" in answer.read()
    with pytest.raises(HTTPError) as refused:
        urlopen(url.replace("metrics", "readyz"))
    assert refused.value.code == 503 and b"holds no evolution" in refused.value.read()
    with urlopen(url.replace("metrics", "healthz")) as answer:
        assert answer.status == 200
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(timeout=30) == 0
