"""What one process holds open while it works: store, engines, checker, progress."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Self, TypeVar, cast

from cladeflow.home import Home
from cladeflow.recipes.model import Dtype
from cladeflow.records import Record
from cladeflow.store import (
    SetManifest,
    Shard,
    Store,
    materialise,
    read_set,
    ref_digest,
    write_set,
)

if TYPE_CHECKING:
    from cladeflow.archive.archive import Archive
    from cladeflow.models.engine import Engine
    from cladeflow.sandbox.client import CheckerClient

R = TypeVar("R", bound=Record)
Progress = Callable[[str, int, int], None]
"""Called with (what, done, total) as work advances."""

_RECORDS_KEPT = 30_000
"""Records of recent shards that stay in memory for the stages that read them next."""
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
        self._recent: OrderedDict[str, Sequence[Record]] = OrderedDict()
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

    def write(self, key: str, kind: type[R], records: Sequence[R]) -> SetManifest:
        """Write a shard, and keep it at hand."""
        manifest = write_set(self.store, key, kind, records)
        self._remember(manifest.shards[0], records)
        return manifest

    def read(self, manifest: SetManifest, kind: type[R]) -> Iterator[R]:
        """Every record of a set; what was written or read lately is not read again."""
        for shard in manifest.shards:
            if shard.sha256 not in self._recent:
                part = manifest.model_copy(update={"shards": (shard,)})
                self._remember(shard, list(read_set(self.store, part, kind)))
            self._recent.move_to_end(shard.sha256)
            yield from cast(Sequence[R], self._recent[shard.sha256])

    def _remember(self, shard: Shard, records: Sequence[Record]) -> None:
        """Content cannot change under its digest, so what is kept never goes stale."""
        self._recent[shard.sha256] = records
        while len(self._recent) > 1 and sum(map(len, self._recent.values())) > _RECORDS_KEPT:
            self._recent.popitem(last=False)

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
