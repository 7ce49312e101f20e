"""What a store back end offers, and the arbiter that makes a commit happen exactly once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol


class Store(Protocol):
    """Durable bytes under slash-separated keys. Writes are atomic; nothing is ever overwritten."""

    uri: str

    def read(self, key: str) -> bytes:
        """The bytes at ``key``; raises `StoreError` naming it where missing."""

    def write(self, key: str, data: bytes) -> None:
        """Write atomically and durably."""

    def publish(self, source: str, target: str) -> bool:
        """Make the object at ``source`` visible at ``target``, unless one is there already.

        Of any number of concurrent callers exactly one is told True: this is the arbiter of
        commits.
        """

    def exists(self, key: str) -> bool:
        """Whether an object is visible at ``key``."""

    def list(self, prefix: str) -> Iterator[str]:
        """Keys below ``prefix``, sorted."""

    def size(self, prefix: str) -> int:
        """Bytes of all that lies below ``prefix``; 0 where nothing does."""

    def remove(self, prefix: str) -> None:
        """Delete all that lies below ``prefix``; where nothing does, that is fine."""

    def workspace(self, key: str) -> Path:
        """A local directory for the files that `put_tree` will take to ``key``."""

    def put_tree(self, directory: Path, key: str) -> None:
        """Take the files of a `workspace` to ``key``, durably."""

    def tree(self, key: str) -> Path:
        """A local directory that holds the files below ``key``."""
