"""A store in a directory: atomic renames for objects, an exclusive hard link for commits."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cladeflow.errors import StoreError

_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what the operating system refuses at ``path`` into an error that says what to do."""
    try:
        yield
    except FileNotFoundError as error:
        raise StoreError(f"{path} is missing from the store") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            advice = "the disk is full; free some space and run the same command again to resume"
        elif error.errno in _FORBIDDEN:
            advice = "it cannot be written; check its owner and permissions, or choose another home"
        else:
            advice = error.strerror or str(error)
        raise StoreError(f"{path}: {advice}") from error


class LocalStore:
    """Objects as files below ``root`` on one machine."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.uri = root.as_uri()

    def _path(self, key: str) -> Path:
        return self.root / key

    def read(self, key: str) -> bytes:
        """The bytes at ``key``."""
        with explained(self._path(key)):
            return self._path(key).read_bytes()

    def write(self, key: str, data: bytes) -> None:
        """Write to a neighbour, flush it to the disk, then rename."""
        path = self._path(key)
        with explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_name(f".{path.name}.{os.getpid()}")
            try:
                with partial.open("wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                partial.replace(path)
            except OSError:  # most likely a full disk, which the rest of a file need not fill
                partial.unlink(missing_ok=True)
                raise

    def publish(self, source: str, target: str) -> bool:
        """Link ``source`` to ``target``; the kernel lets exactly one caller win."""
        path = self._path(target)
        with explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                path.hardlink_to(self._path(source))
            except FileExistsError:
                return False
            _flush(path.parent)
            return True

    def exists(self, key: str) -> bool:
        """Whether a file is at ``key``."""
        return self._path(key).exists()

    def list(self, prefix: str) -> Iterator[str]:
        """Keys of the finished files below ``prefix``."""
        for path in sorted(self._path(prefix).rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                yield path.relative_to(self.root).as_posix()

    def size(self, prefix: str) -> int:
        """Bytes of the files below ``prefix``, unfinished ones included."""
        return sum(p.stat().st_size for p in self._path(prefix).rglob("*") if p.is_file())

    def remove(self, prefix: str) -> None:
        """Delete the directory at ``prefix``."""
        path = self._path(prefix)
        if path.exists():
            with explained(path):
                shutil.rmtree(path)

    def workspace(self, key: str) -> Path:
        """The directory itself: an attempt's files are invisible until its commit names them."""
        path = self._path(key)
        with explained(path):
            path.mkdir(parents=True, exist_ok=True)
        return path

    def put_tree(self, directory: Path, key: str) -> None:
        """The files lie where they belong; make them durable before a commit may name them."""
        with explained(directory):
            for path in directory.rglob("*"):
                if path.is_file():
                    _flush(path)
            _flush(directory)

    def tree(self, key: str) -> Path:
        """The directory at ``key``."""
        path = self._path(key)
        if not path.is_dir():
            raise StoreError(f"{path} is missing from the store")
        return path


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
