"""What one process holds open while it works: store, engines, checker, progress."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from gc import freeze
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from cladeflow.errors import ModelError
from cladeflow.home import Home
from cladeflow.plan.model import Population
from cladeflow.ranks import ALONE, Ranks
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
from cladeflow.telemetry.live import Live
from cladeflow.telemetry.meter import CountingStore, Meter

if TYPE_CHECKING:
    from cladeflow.archive.archive import Archive
    from cladeflow.models.engine import Engine
    from cladeflow.models.transformers_engine import TransformersEngine
    from cladeflow.sandbox.client import CheckerClient

R = TypeVar("R", bound=Record)
T = TypeVar("T")
Progress = Callable[[str, int, int], None]
"""Called with (what, done, total) as work advances."""

_ENGINE_ROWS = 512
"""Samples that an engine decodes at a time, unless memory does not suffice."""
_RECORDS_KEPT = 20_000
"""Records of recent shards that stay in memory for the stages that read them next."""


def silent(what: str, done: int, total: int) -> None:
    """Report nothing."""


class Session:
    """The resources of one process, opened at first use and closed together."""

    def __init__(
        self,
        home: Home,
        progress: Progress = silent,
        store: Store | None = None,
        reduced: int = 0,
        ranks: Ranks = ALONE,
    ) -> None:
        self.home = home
        self.reduced = reduced
        """How often the amount computed at a time is halved, for want of memory."""
        self.ranks = ranks
        """The processes that train together with this one."""
        self.store = CountingStore(store or home.store())
        self.live = Live()
        self._progress = progress
        self.population = Population()
        """What the next plan asks of the archive."""
        self.model_seconds = 0.0
        """Wall time spent in models (prefill, decode, score, train), for the overhead metric."""
        self.meter = Meter(self.store, lambda: self.model_seconds)
        self._engines: dict[str, Engine] = {}
        self._checker: CheckerClient | None = None
        self._archive: Archive | None = None
        self._recent: OrderedDict[str, Sequence[Record]] = OrderedDict()
        self._known: dict[str, Any] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        self._stack.close()
        self._checker = self._archive = None

    def progress(self, what: str, done: int, total: int) -> None:
        """Report that a stage call has ``done`` of ``total``."""
        self.live.progress(what, done, total)
        self._progress(what, done, total)

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Count the time inside as model compute."""
        start = time.perf_counter()
        try:
            yield
        finally:
            seconds = time.perf_counter() - start
            self.model_seconds += seconds
            self.live.computed(seconds)

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

    def recall(self, key: str, make: Callable[[], T]) -> T:
        """What ``make`` gave when this process first asked for ``key``, which names it wholly."""
        if key not in self._known:
            self._known[key] = make()
        return cast(T, self._known[key])

    def engines(self, refs: Mapping[str, str], name: str, dtype: Dtype) -> "dict[str, Engine]":
        """The engine of every role.

        One that no role needs any more takes other weights of its architecture, or is closed.
        """
        keys = {role: f"{ref_digest(ref)}/{name}/{dtype}" for role, ref in refs.items()}
        missing = {key: refs[role] for role, key in keys.items() if key not in self._engines}
        for key in [key for key in self._engines if key not in keys.values()]:
            self._reuse(key, missing)
        for key, ref in missing.items():
            self._engines[key] = self._load(ref, dtype)
        return {role: self._engines[key] for role, key in keys.items()}

    def release(self) -> None:
        """Close the engines, to make room for training."""
        for key in list(self._engines):
            self._engines.pop(key).close()

    def _reuse(self, idle: str, missing: dict[str, str]) -> None:
        """Give an idle engine the first weights that it can take of ``missing``, or close it."""
        engine = self._engines.pop(idle)
        for key, ref in list(missing.items()):
            if key.partition("/")[2] == idle.partition("/")[2] and self._swapped(engine, ref):
                self._engines[key] = engine
                del missing[key]
                return
        engine.close()

    def _swapped(self, engine: "Engine", ref: str) -> bool:
        try:
            with self.computing():
                engine.swap(materialise(self.store, ref), ref_digest(ref))
        except ModelError:  # of another architecture; loading says what is wrong with it, if it is
            return False
        return True

    def _load(self, ref: str, dtype: Dtype) -> "Engine":
        kind, directory = _engine_kind(), materialise(self.store, ref)
        with self.computing():
            return kind(
                directory,
                dtype=dtype,
                digest=ref_digest(ref),
                max_rows=max(1, _ENGINE_ROWS >> self.reduced),
                cache_gib=0.5**self.reduced,
            )

    @property
    def archive(self) -> "Archive":
        """The home's archive; only the plan and what follows a commit open it.

        Raises `RecipeError` where its evolution asks for what this version does not have.
        """
        if self._archive is None:
            from cladeflow.archive.archive import Archive
            from cladeflow.recipes import stored

            archive = self._stack.enter_context(Archive.open(self.home.archive_url))
            if archive.started:
                stored(archive.evolution.resolved, str(self.home.directory))
            self._archive = archive
        return self._archive

    @property
    def checker(self) -> "CheckerClient":
        """The killable checker process, the only one that opens the gold store."""
        if self._checker is None:
            from cladeflow.sandbox.client import CheckerClient

            self._checker = self._stack.enter_context(
                CheckerClient(self.home.gold, told=self.live.verdict)
            )
        return self._checker


@cache
def _engine_kind() -> "type[TransformersEngine]":
    """Imported, with what torch and transformers consist of kept out of garbage collections."""
    from cladeflow.models.lean import import_lean

    import_lean()
    from cladeflow.models.transformers_engine import TransformersEngine

    freeze()
    return TransformersEngine
