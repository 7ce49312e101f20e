"""What work spends: clocks and bytes, counted once where work is nested in other work."""

import os
import resource
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from cladeflow.store.base import Store
from cladeflow.telemetry.collector import Metrics

_ATTEMPTS = "attempts"


class Reading(NamedTuple):
    """What a process has spent so far. Subtract to get what was spent in between."""

    wall: float
    model: float
    cpu: float
    gpu: float
    read: float
    written: float

    def __sub__(self, other: "Reading") -> "Reading":
        return Reading(*(a - b for a, b in zip(self, other, strict=True)))

    def plus(self, other: "Reading") -> "Reading":
        """The sum."""
        return Reading(*(a + b for a, b in zip(self, other, strict=True)))


NOTHING = Reading(0, 0, 0, 0, 0, 0)
_NAMES = {
    "wall": "cladeflow_wall_seconds_total",
    "model": "cladeflow_model_seconds_total",
    "cpu": "cladeflow_cpu_seconds_total",
    "gpu": "cladeflow_gpu_seconds_total",
    "read": "cladeflow_read_bytes_total",
    "written": "cladeflow_written_bytes_total",
}


class Meter:
    """Measures nested pieces of work: what an inner one spent is not counted to the outer.

    So the sum over all commits is what was spent, whatever made which of them: a stage, its
    shards, or the evaluations that it found missing.
    """

    def __init__(self, store: "CountingStore", model_seconds: Callable[[], float]) -> None:
        self._store = store
        self._model_seconds = model_seconds
        self._gpu = 0.0
        self._since = time.perf_counter()
        self._counted = NOTHING

    def begin(self) -> tuple[Reading, Reading]:
        """Where a piece of work starts."""
        return self._read(), self._counted

    def end(self, begun: tuple[Reading, Reading]) -> tuple[Reading, Reading]:
        """What the piece spent in all, and what of it no inner piece has counted."""
        before, counted = begun
        whole = self._read() - before
        own = whole - (self._counted - counted)
        self._counted = self._counted.plus(own)
        return whole, own

    def _read(self) -> Reading:
        now = time.perf_counter()
        self._gpu += (now - self._since) * gpus_held()
        self._since = now
        store = self._store
        return Reading(
            now, self._model_seconds(), time.process_time(), self._gpu, store.read_bytes,
            store.written_bytes,
        )  # fmt: skip


def record_spent(metrics: Metrics, whole: Reading, own: Reading) -> None:
    """A piece of work's gauges, which are the whole, and counters, which are its own."""
    metrics.gauge("cladeflow_stage_seconds", whole.wall)
    metrics.gauge("cladeflow_stage_cpu_seconds", whole.cpu)
    metrics.gauge("cladeflow_stage_model_seconds", whole.model)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    metrics.gauge("cladeflow_stage_memory_peak_bytes", peak)
    for field, name in _NAMES.items():
        metrics.count(name, max(getattr(own, field), 0))
    _record_speed(metrics)


def _record_speed(metrics: Metrics) -> None:
    seconds = metrics.value("cladeflow_model_seconds_total")
    tokens = sum(s.value for s in metrics.samples("cladeflow_generated_tokens_total"))
    if tokens and seconds:
        metrics.gauge("cladeflow_generated_tokens_per_second", tokens / seconds)


def begun(scratch: Path) -> int:
    """How many attempts at a piece of work this is, counting the ones that left a mark there."""
    with suppress(OSError):  # a full disk is for the work to find, which says what to do
        scratch.mkdir(parents=True, exist_ok=True)
        with (scratch / _ATTEMPTS).open("ab") as marks:
            marks.write(b".")
            return marks.tell()
    return 1


def gpus_held() -> int:
    """CUDA devices that this process can use, from its first use of one on; imports no torch.

    Under torchrun, those of all ranks: each has one, and rank 0 alone leaves metrics.
    """
    torch = sys.modules.get("torch")
    if not (torch and torch.cuda.is_initialized()):
        return 0
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    return ranks if ranks > 1 else torch.cuda.device_count()


class CountingStore:
    """A store that counts the bytes that go through it. Trees that are only read are left out."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.uri = store.uri
        self.read_bytes = self.written_bytes = 0
        self.publish, self.exists, self.list = store.publish, store.exists, store.list
        self.workspace, self.tree = store.workspace, store.tree
        self.remove, self.size = store.remove, store.size

    def read(self, key: str) -> bytes:
        """As the store's."""
        data = self._store.read(key)
        self.read_bytes += len(data)
        return data

    def write(self, key: str, data: bytes) -> None:
        """As the store's."""
        self._store.write(key, data)
        self.written_bytes += len(data)

    def put_tree(self, directory: Path, key: str) -> None:
        """As the store's."""
        self.written_bytes += sum(p.stat().st_size for p in directory.rglob("*") if p.is_file())
        self._store.put_tree(directory, key)
