"""Live counters: what a process has done so far, before any of it is committed."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock

from cladeflow.errors import CladeflowError
from cladeflow.telemetry.collector import Labelled, Metrics

VARIABLE = "CLADEFLOW_LIVE"
"""Where a stage's process serves its counters, for those that are started by others."""


class Live:
    """Counters that one thread adds to and others read."""

    def __init__(self) -> None:
        self._metrics = Metrics()
        self._lock = Lock()

    def progress(self, what: str, done: int, total: int) -> None:
        """A stage call's items; ``what`` is how progress names it (``3/0/main.0/rollout``)."""
        stage = what.partition(" ")[0].rpartition("/")[2].partition(".")[0]
        with self._lock:
            self._metrics.gauge("cladeflow_live_done_items", done, stage=stage)
            self._metrics.gauge("cladeflow_live_planned_items", total, stage=stage)

    def generated(self, role: str, tokens: int) -> None:
        """Tokens that a role's model has just sampled."""
        with self._lock:
            self._metrics.count("cladeflow_live_generated_tokens_total", tokens, role=role)

    def verdict(self, outcome: str) -> None:
        """What the checker process has just answered."""
        with self._lock:
            self._metrics.count("cladeflow_live_verdicts_total", outcome=outcome)

    def computed(self, seconds: float) -> None:
        """Time that has just been spent inside models."""
        with self._lock:
            self._metrics.count("cladeflow_live_model_seconds_total", seconds)

    def samples(self) -> Iterator[Labelled]:
        """Everything as it stands."""
        with self._lock:
            found = list(self._metrics.samples())
        yield from (({}, sample) for sample in found)


@contextmanager
def served(live: Live, address: str | None, required: bool = True) -> Iterator[str]:
    """Serve the counters at ``[HOST:]PORT`` while the block runs; gives where, if anywhere.

    Raises `CladeflowError` where the address cannot be had, unless it is not ``required``: a stage
    must not fail because another one is being watched at the same port.
    """
    with ExitStack() as stack:
        yield _serve(live, address, required, stack) if address else ""


def _serve(live: Live, address: str, required: bool, stack: ExitStack) -> str:
    from cladeflow.telemetry.server import LOOPBACK, MetricsServer

    host, _, port = address.rpartition(":")
    if not port.isdecimal():
        raise CladeflowError(f"--live {address}: give PORT or HOST:PORT; port 0 means any")
    try:
        server = MetricsServer(host or LOOPBACK, int(port), live.samples)
    except CladeflowError:
        if required:
            raise
        return ""
    return stack.enter_context(server).url
