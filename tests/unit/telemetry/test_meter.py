import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from cladeflow.store import LocalStore
from cladeflow.telemetry import Metrics
from cladeflow.telemetry.meter import CountingStore, Meter, begun, gpus_held, record_spent


def test_what_nested_work_spends_is_counted_once(tmp_path: Path) -> None:
    model = 0.0
    store = CountingStore(LocalStore(tmp_path))
    meter = Meter(store, lambda: model)
    outer = meter.begin()
    store.write("a", b"12345")
    model += 1
    inner = meter.begin()
    store.write("b", b"123")
    assert store.read("a") == b"12345"
    model += 2
    inner_whole, inner_own = meter.end(inner)
    model += 4
    whole, own = meter.end(outer)
    assert (inner_whole.written, inner_whole.read, inner_whole.model) == (3, 5, 2)
    assert inner_own == inner_whole
    assert (whole.written, whole.read, whole.model) == (8, 5, 7)
    assert (own.written, own.read, own.model) == (5, 0, 5)
    assert own.wall + inner_own.wall == pytest.approx(whole.wall)
    assert own.cpu + inner_own.cpu == pytest.approx(whole.cpu)
    assert whole.gpu == gpus_held() == 0


def test_gauges_are_the_whole_and_counters_a_pieces_own(tmp_path: Path) -> None:
    meter = Meter(CountingStore(LocalStore(tmp_path)), lambda: 0.0)
    outer = meter.begin()
    meter.end(meter.begin())
    whole, own = meter.end(outer)
    metrics = Metrics()
    metrics.count("cladeflow_generated_tokens_total", 30, role="actor")
    metrics.count("cladeflow_model_seconds_total", 1.5)
    record_spent(metrics, whole, own)
    assert metrics.value("cladeflow_stage_seconds") == whole.wall
    assert metrics.value("cladeflow_wall_seconds_total") == own.wall < whole.wall
    assert metrics.value("cladeflow_generated_tokens_per_second") == 20
    assert metrics.value("cladeflow_stage_memory_peak_bytes") > 1e6


def test_a_tree_is_counted_when_it_is_put_into_the_store(tmp_path: Path) -> None:
    store = CountingStore(LocalStore(tmp_path))
    directory = store.workspace("model")
    (directory / "weights").write_bytes(bytes(7))
    store.put_tree(directory, "model")
    assert store.written_bytes == 7
    assert list(store.list("")) == ["model/weights"]


def test_attempts_that_left_a_mark_are_counted(tmp_path: Path) -> None:
    assert [begun(tmp_path / "work") for _ in range(3)] == [1, 2, 3]
    (tmp_path / "file").touch()
    assert begun(tmp_path / "file") == 1


@pytest.mark.parametrize(("ranks", "held"), [(None, 8), ("32", 32)])
def test_under_torchrun_every_rank_holds_one_gpu(
    monkeypatch: pytest.MonkeyPatch, ranks: str | None, held: int
) -> None:
    cuda = SimpleNamespace(is_initialized=lambda: True, device_count=lambda: 8)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    if ranks:
        monkeypatch.setenv("WORLD_SIZE", ranks)
    assert gpus_held() == held
