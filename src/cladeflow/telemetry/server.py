"""A small HTTP server of metrics: /metrics, /healthz and /readyz."""

import errno
from collections.abc import Callable, Iterable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Self

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from cladeflow.errors import CladeflowError
from cladeflow.telemetry.collector import Labelled
from cladeflow.telemetry.exposition import SampleCollector

LOOPBACK = "127.0.0.1"


def _well() -> str:
    return ""


class MetricsServer:
    """Serves what ``samples`` gives, on a thread of its own.

    ``unready`` and ``unhealthy`` say what is wrong, or nothing. With port 0 the system chooses
    one. Raises `CladeflowError` where the address cannot be had.
    """

    def __init__(
        self,
        host: str,
        port: int,
        samples: Callable[[], Iterable[Labelled]],
        unready: Callable[[], str] = _well,
        unhealthy: Callable[[], str] = _well,
    ) -> None:
        registry = CollectorRegistry()
        registry.register(SampleCollector(samples))
        states = {"/healthz": unhealthy, "/readyz": unready}

        class Handler(_Handler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                if path == "/metrics":
                    encoder, content_type = choose_encoder(self.headers.get("Accept", ""))
                    self.answer(200, encoder(registry), content_type)
                elif path in states:
                    problem = states[path]()
                    self.answer(503 if problem else 200, f"{problem or 'ok'}\n".encode())
                else:
                    self.answer(404, b"/metrics, /healthz and /readyz are here\n")

        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except OSError as error:
            raise CladeflowError(_refused(host, port, error)) from error
        except OverflowError as error:
            raise CladeflowError(f"port {port}: ports go from 0 to 65535") from error
        self._thread = Thread(target=self._server.serve_forever, name="metrics", daemon=True)

    @property
    def url(self) -> str:
        """Where the metrics are."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}/metrics"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """Answers without a log."""

    def answer(self, code: int, body: bytes, content_type: str = "text/plain") -> None:
        """Send a whole response, unless whoever asked has gone."""
        self.send_response(code)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        with suppress(ConnectionError):
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Scrapes are no news."""


def _refused(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"{host}:{port} is in use by another process; choose another port"
    return f"{host}:{port} cannot be listened on ({error.strerror}); choose another address"
