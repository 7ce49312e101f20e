"""The gold store: what checkers compare with, in a root that no agent's process opens."""

import hashlib
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import zstandard

from cladeflow.errors import StoreError
from cladeflow.records import Gold
from cladeflow.store import explained

_COMPRESSION = 3


class GoldStore:
    """Golds of tasks in files named by the sha256 of their (uncompressed) lines.

    Files are only ever added, so adding twice is adding once, and a reader may look again at any
    time. Directory and files are open to their owner alone.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._read: set[Path] = set()
        self._golds: dict[str, dict[str, Any]] = {}

    def add(self, golds: Iterable[Gold]) -> None:
        """Add golds; those of one call become one file, whole or not at all."""
        lines = sorted({f"{gold.to_line()}\n" for gold in golds})
        if not lines:
            return
        text = "".join(lines).encode()
        path = self.root / f"{hashlib.sha256(text).hexdigest()}.jsonl.zst"
        with explained(path):
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not path.exists():
                _write_once(path, zstandard.ZstdCompressor(level=_COMPRESSION).compress(text))

    def get(self, task_id: str) -> Gold:
        """The gold of a task; raises `StoreError` where there is none."""
        if task_id not in self._golds:
            self._read_new_files()
        try:
            return Gold.model_validate(self._golds[task_id])
        except KeyError:
            raise StoreError(f"{self.root} holds no gold for task {task_id[:12]}") from None

    def _read_new_files(self) -> None:
        for path in sorted(set(self.root.glob("*.jsonl.zst")) - self._read):
            for line in _lines(path):
                fields = json.loads(line)
                del fields["id"]
                self._keep(fields, path)
            self._read.add(path)

    def _keep(self, fields: dict[str, Any], path: Path) -> None:
        known = self._golds.setdefault(fields["task_id"], fields)
        if known["value"] != fields["value"]:
            raise StoreError(f"{path}: a second gold for task {fields['task_id'][:12]}")


def _write_once(path: Path, data: bytes) -> None:
    partial = path.with_name(f".{uuid4().hex}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        partial.replace(path)
    except OSError:
        with suppress(OSError):
            partial.unlink()
        raise


def _lines(path: Path) -> list[bytes]:
    try:
        text = zstandard.ZstdDecompressor().decompress(path.read_bytes())
    except zstandard.ZstdError as error:
        raise StoreError(f"{path} is damaged ({error}); restore it from a copy") from error
    if hashlib.sha256(text).hexdigest() != path.name.partition(".")[0]:
        raise StoreError(f"{path} is damaged: its content does not match its name")
    return text.splitlines()
