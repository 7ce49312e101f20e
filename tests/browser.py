"""A real browser, driven by the DevTools protocol over a pipe: the standard library is enough."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
    "--hide-scrollbars", "--no-first-run", "--remote-debugging-pipe",
)  # fmt: skip
_ARROWS = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
_KEYS = {"Enter": (13, "\r"), " ": (32, " "), **{key: (at, "") for key, at in _ARROWS.items()}}
"""Code and text of the keys that a tree is moved through with."""


def executable() -> str:
    """Where the browser is; without one the test is skipped, but never on a build machine."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None and "CI" in os.environ:
        pytest.fail(f"none of {', '.join(NAMES)} is installed; .ci/run installs chromium")
    if found is None:
        pytest.skip("there is no chromium")
    return found


class Browser:
    """A running browser with one page."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._next = 0
        self._buffer = b""
        self.events: list[dict[str, Any]] = []
        """What the page reported since it was opened."""

    def __enter__(self) -> Self:
        profile = self._stack.enter_context(
            tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True)
        )
        commands, self._commands = os.pipe()
        self._answers, answers = os.pipe()
        self._process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{commands} 4>&{answers}', "bash",
             executable(), *_FLAGS, f"--user-data-dir={profile}"],
            pass_fds=(commands, answers),
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._stack.callback(self._process.wait, 30)
        self._stack.callback(self._process.kill)
        os.close(commands)
        os.close(answers)
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._commands)
        os.close(self._answers)
        self._stack.close()

    def call(self, method: str, **params: Any) -> Any:
        """Call a method of the protocol on the page."""
        return self._call(method, self._session, **params)

    def _call(self, method: str, session: str | None = None, **params: Any) -> Any:
        self._next += 1
        message = {"id": self._next, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        for answer in self._messages():
            if answer.get("id") == self._next:
                assert "error" not in answer, answer["error"]
                return answer["result"]
            self.events.append(answer)
        raise AssertionError("the browser has gone")

    def _messages(self) -> Iterator[dict[str, Any]]:
        while True:
            while b"\0" in self._buffer:
                line, _, self._buffer = self._buffer.partition(b"\0")
                yield json.loads(line)
            part = os.read(self._answers, 1 << 20)
            if not part:
                return
            self._buffer += part

    def open(self, path: Path, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Load a file into a window of this size, and wait for it."""
        self.events.clear()
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}  # nothing moves by itself
        self.call("Emulation.setEmulatedMedia", features=[scheme, still])
        self.call("Page.navigate", url=path.resolve().as_uri())
        if not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            for event in self._messages():
                self.events.append(event)
                if event.get("method") == "Page.loadEventFired":
                    return

    def evaluate(self, expression: str) -> Any:
        """The JSON value of an expression; an exception is a failure."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, *keys: str) -> None:
        """Press keys, one after the other, on whatever has the focus."""
        for key in keys:
            code, text = _KEYS[key]
            for kind in ("keyDown", "keyUp"):
                self.call(
                    "Input.dispatchKeyEvent",
                    type=kind, key=key, windowsVirtualKeyCode=code, text=text * (kind == "keyDown"),
                )  # fmt: skip

    def click(self, selector: str) -> None:
        """Click the middle of an element with the mouse, having scrolled it into sight."""
        x, y = self.evaluate(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({block: 'center', inline: 'center', behavior: 'instant'});"
            "const b = e.getBoundingClientRect();"
            "return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def texts(self, selector: str) -> list[str]:
        """Text of every element that matches."""
        found: list[str] = self.evaluate(
            f"[...document.querySelectorAll({json.dumps(selector)})].map(e => e.textContent.trim())"
        )
        return found

    def complaints(self) -> Sequence[str]:
        """Errors and warnings of the console, exceptions, and requests for anything but a file."""
        return [json.dumps(event) for event in self.events if _complains(event)]

    def screenshot(self, path: Path, whole: bool = False) -> None:
        """Save what the window shows, or the whole page, as PNG."""
        answer = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(answer["data"]))

    def pdf(self) -> bytes:
        """The page as it prints."""
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"])


def _complains(event: dict[str, Any]) -> bool:
    method, params = event.get("method"), event.get("params", {})
    if method == "Runtime.consoleAPICalled":
        return params["type"] in ("error", "warning", "assert")
    if method == "Log.entryAdded":
        return params["entry"]["level"] in ("error", "warning")
    if method == "Network.requestWillBeSent":
        return not params["request"]["url"].startswith(("file:", "about:"))
    return method == "Runtime.exceptionThrown"
