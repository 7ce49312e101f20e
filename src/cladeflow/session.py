"""What one process holds open while it works: store, engines, checker, progress."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Self

from cladeflow.home import Home
from cladeflow.recipes.model import Dtype
from cladeflow.store import Store, materialise, ref_digest

if TYPE_CHECKING:
    from cladeflow.archive.archive import Archive
    from cladeflow.models.engine import Engine
    from cladeflow.sandbox.client import CheckerClient

Progress = Callable[[str, int, int], None]
"""Called with (what, done, total) as work advances."""

_ENGINES_KEPT = 2
"""Loaded models per process: an actor and a second role, without reloading at every turn."""


def silent(what: str, done: int, total: int) -> None:
    """Report nothing."""


class Session:
    """The resources of one process, opened at first use and closed together."""

    def __init__(self, home: Home, progress: Progress = silent, store: Store | None = None) -> None:
        self.home = home
        self.store = store or home.store()
        self.progress = progress
        self.model_seconds = 0.0
        """Wall time spent in models (prefill, decode, score, train), for the overhead metric."""
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._checker: CheckerClient | None = None
        self._archive: Archive | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        while self._engines:
            self._engines.popitem()[1].close()
        self._stack.close()
        self._checker = self._archive = None

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Count the time inside as model compute."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.model_seconds += time.perf_counter() - start

    def engine(self, ref: str, name: str, dtype: Dtype) -> "Engine":
        """The engine that serves ``ref``; the least recently used one is swapped out for it."""
        from cladeflow.models.transformers_engine import TransformersEngine

        key = f"{ref_digest(ref)}/{name}/{dtype}"
        if key not in self._engines:
            while len(self._engines) >= _ENGINES_KEPT:
                self._engines.popitem(last=False)[1].close()
            with self.computing():
                self._engines[key] = TransformersEngine(
                    materialise(self.store, ref), dtype=dtype, digest=ref_digest(ref)
                )
        self._engines.move_to_end(key)
        return self._engines[key]

    @property
    def archive(self) -> "Archive":
        """The home's archive; only the plan and what follows a commit open it."""
        if self._archive is None:
            from cladeflow.archive.archive import Archive

            self._archive = self._stack.enter_context(Archive.open(self.home.archive_url))
        return self._archive

    @property
    def checker(self) -> "CheckerClient":
        """The killable checker process, the only one that opens the gold store."""
        if self._checker is None:
            from cladeflow.sandbox.client import CheckerClient

            self._checker = self._stack.enter_context(CheckerClient(self.home.gold))
        return self._checker
