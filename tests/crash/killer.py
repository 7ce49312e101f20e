"""Ends this process, as SIGKILL does, in the middle of the n-th durable write of a run.

A write is a rename into place (objects, golds, checkpoints), the link that publishes a commit, a
tree taken into the store, or a transaction of the archive. The process dies after all the work of
the write and right before its effect, leaving half of a file that was to be renamed; what the disk
holds right after a write is, but for that half, what it holds in the middle of the next one.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from sqlalchemy import Connection

from cladeflow.archive.database import Database
from cladeflow.store.local import LocalStore


class Killer:
    """Counts and names the writes of this process, and kills it in write ``at`` (from 0)."""

    def __init__(self, at: int | None = None) -> None:
        self.at = at
        self.writes: list[str] = []

    def install(self) -> None:
        """Wrap all that writes, for the rest of this process."""
        self._before(Path, "replace", lambda path, target: (f"rename {target.name}", path))
        self._before(Path, "hardlink_to", lambda path, _: (f"publish {_published(path)}", None))
        self._before(LocalStore, "put_tree", lambda _, tree, key: (f"tree {tree.name}", None))
        transaction = Database.write

        @contextmanager
        def write(database: Database) -> Iterator[Connection]:
            with transaction(database) as connection:
                yield connection
                self.reach("transaction")

        patch.object(Database, "write", write).start()

    def reach(self, what: str, partial: Path | None = None) -> None:
        """A write is about to take effect."""
        if len(self.writes) == self.at:
            if partial is not None:
                os.truncate(partial, partial.stat().st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        self.writes.append(what)

    def _before(
        self, owner: type, name: str, describe: Callable[..., tuple[str, Path | None]]
    ) -> None:
        original = getattr(owner, name)

        def wrapped(*arguments: Any) -> Any:
            self.reach(*describe(*arguments))
            return original(*arguments)

        patch.object(owner, name, wrapped).start()


def _published(commit: Path) -> str:
    """What a commit is of: a stage, or a shard of one."""
    stage, place, _ = commit.parts[-3:]
    return place if place.startswith("shard-") else stage
