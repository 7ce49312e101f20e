"""An HTTP API on this machine for tests: faults on request, everything that was asked recorded."""

import json
import re
import threading
import time
from abc import ABC, abstractmethod
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, urlparse


class Fault(NamedTuple):
    """What happens to a request that it matches."""

    method: str
    path: str
    """A pattern that is searched in the path."""
    status: int = 0
    """What is answered; 0: nothing, the connection is dropped."""
    after: bool = False
    """Whether the request takes effect all the same."""
    seconds: float = 0.0
    """How long the answer takes."""


class Refused(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class FakeApi(ABC):
    """Serves from ``__enter__`` to ``__exit__`` what `answer` gives."""

    prefix = ""
    """What faults and records of requests leave out of paths."""

    def __init__(self) -> None:
        self.content_type = "application/json"
        self.requests: list[tuple[str, str]] = []
        """Method and path of everything that was asked."""
        self.faults: list[Fault] = []
        """Each is used up by the first request that matches it."""
        self.lock = threading.RLock()

    @abstractmethod
    def answer(self, method: str, path: str, query: dict[str, str], body: Any, token: str) -> Any:
        """The answer to a request, a text or JSON; raises `Refused`. Called one at a time."""

    def __enter__(self) -> Self:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                server._serve(self)

            do_POST = do_PATCH = do_DELETE = do_GET

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    @property
    def changes(self) -> list[str]:
        """The requests that change something, in short."""
        return [f"{method} {path}" for method, path in self.requests if method != "GET"]

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("content-length") or 0)
        raw = handler.rfile.read(length)
        url = urlparse(handler.path)
        fault = self._fault(handler.command, url.path.removeprefix(self.prefix))
        if fault is not None and not fault.after:
            time.sleep(fault.seconds)
            self._reply(handler, fault.status, {"message": "injected"})
            return
        try:
            query = {key: values[0] for key, values in parse_qs(url.query).items()}
            body, token = json.loads(raw) if raw else None, handler.headers.get("authorization", "")
            with self.lock:
                answer = self.answer(handler.command, url.path, query, body, token)
            status = 200
        except Refused as refused:
            status, answer = refused.status, {"code": 3, "message": str(refused)}
        if fault is not None:
            time.sleep(fault.seconds)
            status = fault.status
        self._reply(handler, status, answer)

    def _fault(self, method: str, path: str) -> Fault | None:
        with self.lock:
            self.requests.append((method, path))
            for fault in self.faults:
                if fault.method == method and re.search(fault.path, path):
                    self.faults.remove(fault)
                    return fault
        return None

    def _reply(self, handler: BaseHTTPRequestHandler, status: int, answer: Any) -> None:
        try:
            if status:
                text = isinstance(answer, str)
                body = answer.encode() if text else json.dumps(answer).encode()
                handler.send_response(status)
                handler.send_header("Content-Type", "text/plain" if text else self.content_type)
                handler.send_header("Content-Length", str(len(body)))
                handler.end_headers()
                handler.wfile.write(body)
            else:
                handler.close_connection = True
        except OSError:
            pass  # whoever asked has lost patience
