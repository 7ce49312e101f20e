"""Model references: an address and the digest of what must be found there."""

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from urllib.parse import unquote

from cladeflow.errors import ModelError
from cladeflow.store.base import Store
from cladeflow.store.commits import read_commit

PACKAGE_SCHEME, STORE_SCHEME, FILE_SCHEME = "cladeflow:", "store:", "file:"


def tree_digest(directory: Path) -> str:
    """sha256 over names and bytes of all files below ``directory`` but hidden ones."""
    total = hashlib.sha256()
    for name, path in _files(directory):
        total.update(f"{name}\0{_file_digest(path)}\n".encode())
    return total.hexdigest()


def _files(directory: Path) -> Iterator[tuple[str, Path]]:
    """All files below ``directory`` but hidden ones, by their names there, in order."""
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory).as_posix()
        if path.is_file() and not any(part.startswith(".") for part in name.split("/")):
            yield name, path


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seed_directory(name: str) -> Path:
    """Where the package keeps the embedded seed model ``name``."""
    return Path(str(files("cladeflow.models") / "seeds" / name))


def seed_ref(name: str) -> str:
    """Ref of an embedded seed model; raises `ModelError` for a name that is not shipped."""
    directory = seed_directory(name)
    if not directory.is_dir():
        raise ModelError(f"no embedded model is called {name!r}; give a directory with --model")
    return f"{PACKAGE_SCHEME}{name}#{tree_digest(directory)}"


def store_ref(key: str, name: str, directory: Path) -> str:
    """Ref of a model that the commit at ``key`` will hold, whichever attempt it turns out to be."""
    return f"{STORE_SCHEME}{key}/{name}#{tree_digest(directory)}"


def directory_ref(directory: Path) -> str:
    """Ref of a user's model directory; raises `ModelError` where it is none."""
    if not directory.is_dir():
        raise ModelError(f"{directory} is not a directory; a model is a Hugging Face directory")
    if not (directory / "config.json").is_file():
        raise ModelError(
            f"{directory} has no config.json: it is not a Hugging Face model directory"
        )
    return f"{directory.resolve().as_uri()}#{tree_digest(directory)}"


def ref_digest(ref: str) -> str:
    """The digest part of a Ref."""
    return ref.rpartition("#")[2]


def materialise(store: Store, ref: str) -> Path:
    """A local directory with exactly the files that ``ref`` names.

    A process reads them all once, and again where the size or time of one has changed.
    """
    address, _, expected = ref.rpartition("#")
    directory = _locate(store, address)
    if not directory.is_dir() or _verified(directory, _state(directory)) != expected:
        raise ModelError(
            f"{directory} is missing or not the model it was (expected digest {expected[:12]}); "
            "restore the directory, or start another home with --home"
        )
    return directory


def tree_key(store: Store, ref: str) -> str | None:
    """Where in the store a model lies; None for one that is not in the store."""
    address = ref.partition("#")[0]
    if not address.startswith(STORE_SCHEME):
        return None
    key, _, name = address.removeprefix(STORE_SCHEME).rpartition("/")
    commit = read_commit(store, key)
    if commit is None:
        raise ModelError(f"{store.uri}/{key} has no commit; the model it held is gone")
    return f"{key}/{commit.volatile['attempt']}/{name}"


def _locate(store: Store, address: str) -> Path:
    if key := tree_key(store, address):
        return store.tree(key)
    if address.startswith(PACKAGE_SCHEME):
        return seed_directory(address.removeprefix(PACKAGE_SCHEME))
    return Path(unquote(address.removeprefix("file://")))


def _state(directory: Path) -> tuple[tuple[str, int, int], ...]:
    """Name, size and time of change of every file."""
    found = ((name, path.stat()) for name, path in _files(directory))
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in found)


@lru_cache(maxsize=256)
def _verified(directory: Path, state: tuple[tuple[str, int, int], ...]) -> str:
    return tree_digest(directory)
