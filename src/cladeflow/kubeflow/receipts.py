"""Receipts: how a task sees that it is done without importing what would do it. Stdlib only.

A call's commit is found by its input hash, and computing that imports the stages' rooms: a second
or two, for nothing, in a task that is done. So a task that has found or made its commits leaves
receipts: which code computed the hash, from which commits, and what it came to. While neither has
changed the hash cannot have either, and the receipt is as good as the look-up. It is never an
authority: without one, or where anything differs, the task goes the long way.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import cladeflow


class Receipt(NamedTuple):
    """What one call came to, and from what."""

    code: str
    """`code_state` when the input hash was computed."""
    commit: str
    """Key of the commit."""
    needs: dict[str, str]
    """Key of the commit by the path of every call that it read."""
    together: list[str]
    """Paths of all calls of the task, this one among them."""
    facts: dict[str, Any]
    """What the task tells of the commit."""


class Receipts:
    """The receipts of a home, one per call, below ``receipts/``."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def find(self, call: str) -> list[Receipt] | None:
        """Receipts of all calls of the task of the call at this path, if every one still holds."""
        first = self._read(call)
        if first is None:
            return None
        found = [receipt for path in first.together if (receipt := self._read(path))]
        complete = len(found) == len(first.together)
        return found if complete and all(map(self._holds, found)) else None

    def leave(self, call: str, receipt: Receipt) -> None:
        """Write a call's receipt, whole or not at all."""
        path = self._path(call)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        partial.write_text(json.dumps(receipt._asdict()))
        partial.replace(path)

    def drop(self, call: str) -> None:
        """Forget a call's receipt: its input hash is to be computed anew."""
        self._path(call).unlink(missing_ok=True)

    def _holds(self, receipt: Receipt) -> bool:
        if receipt.code != code_state():
            return False
        if not (self._home / "store" / receipt.commit / "commit.json").exists():
            return False
        now = {call: self._read(call) for call in receipt.needs}
        return all(found and found.commit == receipt.needs[call] for call, found in now.items())

    def _read(self, call: str) -> Receipt | None:
        try:
            return Receipt(**json.loads(self._path(call).read_text()))
        except (OSError, ValueError, TypeError):  # none, or another version's
            return None

    def _path(self, call: str) -> Path:
        return self._home / "receipts" / f"{call}.json"


@cache
def code_state() -> str:
    """Digest of name, size and time of change of every file of the package."""
    package = Path(cladeflow.__file__).parent
    return hashlib.sha256("\n".join(sorted(_files(str(package)))).encode()).hexdigest()


def _files(directory: str) -> Iterator[str]:
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir():
                if entry.name != "__pycache__":
                    yield from _files(entry.path)
            else:
                facts = entry.stat()
                yield f"{entry.path} {facts.st_size} {facts.st_mtime_ns}"
