"""How work becomes a commit exactly once, whoever does it and however often it is begun."""

import os
import platform
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from cladeflow import __version__
from cladeflow.records import Record, canonical_json, digest
from cladeflow.session import Session
from cladeflow.store import Commit, SetManifest, join_sets, read_commit, store_ref, write_commit
from cladeflow.telemetry import Metrics
from cladeflow.telemetry.meter import begun, record_spent

R = TypeVar("R", bound=Record)
Item = TypeVar("Item")


@dataclass
class Output:
    """What the work of a call gives; `once` turns it into a commit."""

    sets: dict[str, SetManifest] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Work:
    """Where one attempt at a call writes. Nothing there is visible before the commit."""

    session: Session
    commit_key: str
    attempt: str
    metrics: Metrics

    @property
    def key(self) -> str:
        """Below which the attempt's objects lie."""
        return f"{self.commit_key}/{self.attempt}"

    def write_set(self, name: str, kind: type[R], records: Sequence[R]) -> SetManifest:
        """Write records as a shard of this attempt."""
        return self.session.write(f"{self.key}/{name}", kind, records)

    def directory(self, name: str) -> Path:
        """A local directory to fill for `keep`."""
        return self.session.store.workspace(f"{self.key}/{name}")

    def keep(self, directory: Path, name: str) -> str:
        """Put a filled directory into the store; its Ref."""
        self.session.store.put_tree(directory, f"{self.key}/{name}")
        return store_ref(self.commit_key, name, directory)


class Share:
    """Every ``of``-th shard of a call, from the ``index``-th on: what one of several workers does.

    Shards are dealt out in the order in which the call comes to them, over all its sets of items.
    Who does a shard is no part of its identity; one that nobody has done is done by the call.
    """

    def __init__(self, index: int, of: int) -> None:
        self.index = index
        self.of = of
        self._dealt = 0

    def takes(self) -> bool:
        """Whether the next shard is this worker's."""
        self._dealt += 1
        return (self._dealt - 1) % self.of == self.index


def once(
    session: Session, key: str, stage: str, input_hash: str, work: Callable[[Work], Output]
) -> Commit:
    """The commit at ``key``, doing the ``work`` only where there is none yet."""
    done = read_commit(session.store, key)
    if done is not None:
        return done
    attempt = uuid4().hex[:12]
    mine = Work(session, key, attempt, Metrics())
    attempts, start = begun(session.home.scratch(input_hash)), session.meter.begin()
    output = work(mine)
    whole, own = session.meter.end(start)
    mine.metrics.count("cladeflow_attempts_total", attempts)
    mine.metrics.count("cladeflow_retries_total", attempts - 1)
    record_spent(mine.metrics, whole, own)
    metrics = f"{mine.key}/metrics.json"
    session.store.write(metrics, canonical_json(mine.metrics.to_json()).encode())
    commit = Commit(
        stage=stage,
        input_hash=input_hash,
        sets=output.sets,
        models=output.models,
        values=output.values,
        metrics=metrics,
        volatile={
            "attempt": attempt,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(whole.wall, 3),
            "host": platform.node(),
            "pid": os.getpid(),
            "version": __version__,
        },
    )
    winner = write_commit(session.store, key, attempt, commit)
    shutil.rmtree(session.home.scratch(input_hash), ignore_errors=True)
    return winner


def run_shards(
    session: Session,
    key: str,
    stage: str,
    items: Sequence[Item],
    size: int,
    run: Callable[[Sequence[Item], Work], Output],
    what: str,
    share: Share | None = None,
) -> list[Commit]:
    """The commits of all shards of ``items`` below ``key``, doing those that are missing.

    Of those of a ``share`` alone, where one is given.
    """
    shards = []
    for index, start in enumerate(range(0, len(items), size)):
        if share is not None and not share.takes():
            continue
        session.progress(what, start, len(items))
        work = partial(run, items[start : start + size])
        shards.append(once(session, f"{key}/shard-{index}", stage, digest([key, index]), work))
    session.progress(what, len(items), len(items))
    return shards


def gather(shards: Sequence[Commit]) -> dict[str, SetManifest]:
    """One manifest per set, listing the shards' files; no data is copied."""
    names = sorted({name for shard in shards for name in shard.sets})
    return {name: join_sets([shard.sets[name] for shard in shards]) for name in names}
