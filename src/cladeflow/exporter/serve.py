"""The exporter's process: it reads the home again and again, and answers scrapes meanwhile."""

import time
from collections.abc import Callable
from threading import Event

from cladeflow.exporter.reader import Reader, Terms
from cladeflow.home import Home
from cladeflow.telemetry.server import MetricsServer

_STUCK_SECONDS = 600.0
"""A reading that takes longer than this will not end: the process should be started again."""


def serve(
    home: Home,
    host: str,
    port: int,
    refresh_seconds: float,
    terms: Terms,
    say: Callable[[str], None],
    stop: Event,
) -> None:
    """Serve ``home`` until ``stop``. A home that is empty, or goes away, is waited for.

    Raises `CladeflowError` where the address cannot be had.
    """
    reader = Reader(home, terms, say)

    def stuck() -> str:
        idle = time.time() - reader.beat
        return f"reading for {idle:.0f} s" if idle > _STUCK_SECONDS + refresh_seconds else ""

    with MetricsServer(host, port, reader.samples, lambda: reader.problem, stuck) as server:
        say(f"metrics of {home.directory}: {server.url}")
        try:
            while not stop.is_set():
                reader.refresh()
                stop.wait(refresh_seconds)
        finally:
            reader.close()
