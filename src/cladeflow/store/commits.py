"""Commits: a stage's output becomes visible by one small object that is written last."""

import json
from collections.abc import Iterator
from typing import Any

from cladeflow.errors import StoreError
from cladeflow.records import Value, canonical_json, digest
from cladeflow.store.base import Store
from cladeflow.store.sets import SetManifest

SCHEMA = 1
_COMMIT = "/commit.json"


class Commit(Value):
    """What a stage call (or a shard of one) gave, and for which inputs.

    The digest covers content only; ``volatile`` holds what differs between equal runs: creation
    time, seconds, host, attempt, versions of the code.
    """

    schema_version: int = SCHEMA
    stage: str
    input_hash: str
    sets: dict[str, SetManifest] = {}
    models: dict[str, str] = {}
    """Model Ref by role."""
    values: dict[str, Any] = {}
    """Small JSON results."""
    metrics: str = ""
    """Key of the metrics.json beside the commit."""
    volatile: dict[str, Any] = {}

    @property
    def digest(self) -> str:
        """Identity of the content."""
        return digest(
            {
                "stage": self.stage,
                "input": self.input_hash,
                "sets": {name: manifest.digest for name, manifest in self.sets.items()},
                "models": {role: ref.rpartition("#")[2] for role, ref in self.models.items()},
                "values": self.values,
            }
        )


def read_commit(store: Store, key: str) -> Commit | None:
    """The commit at ``key``, or None where the work is still to be done."""
    path = f"{key}{_COMMIT}"
    if not store.exists(path):
        return None
    try:
        fields = json.loads(store.read(path))
        if fields.get("schema_version", 0) <= SCHEMA:
            return Commit.model_validate(fields)
    except (AttributeError, TypeError, ValueError) as error:
        raise StoreError(f"{store.uri}/{path} is damaged: {error}") from error
    raise StoreError(f"{store.uri}/{path} was written by a newer Cladeflow; upgrade to read it")


def commit_keys(store: Store, prefix: str, depth: int | None = None) -> Iterator[str]:
    """Where below ``prefix`` commits are; with ``depth``, only those so many names deep."""
    for path in store.list(prefix):
        key = path.removesuffix(_COMMIT)
        if key != path and depth in (None, key.count("/")):
            yield key


def newest_commit(store: Store, path: str) -> Commit | None:
    """Of the commits that lie at ``path``, each at its input hash, the one that was made last."""
    keys = commit_keys(store, path, depth=path.count("/") + 1)
    found = (commit for key in keys if (commit := read_commit(store, key)) is not None)
    return max(found, key=lambda commit: str(commit.volatile["created"]), default=None)


def write_commit(store: Store, key: str, attempt: str, commit: Commit) -> Commit:
    """Publish ``commit``; where another attempt was first, its commit is the one that counts."""
    source = f"{key}/{attempt}{_COMMIT}"
    store.write(source, canonical_json(commit.model_dump(mode="json")).encode())
    store.publish(source, f"{key}{_COMMIT}")
    winner = read_commit(store, key)
    assert winner is not None
    return winner
