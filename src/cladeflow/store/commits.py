"""Commits: a stage's output becomes visible by one small object that is written last."""

import json
from typing import Any

from cladeflow.errors import StoreError
from cladeflow.records import Value, canonical_json, digest
from cladeflow.store.base import Store
from cladeflow.store.sets import SetManifest

SCHEMA = 1


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
    path = f"{key}/commit.json"
    if not store.exists(path):
        return None
    try:
        fields = json.loads(store.read(path))
        if fields.get("schema_version", 0) <= SCHEMA:
            return Commit.model_validate(fields)
    except (AttributeError, TypeError, ValueError) as error:
        raise StoreError(f"{store.uri}/{path} is damaged: {error}") from error
    raise StoreError(f"{store.uri}/{path} was written by a newer Cladeflow; upgrade to read it")


def write_commit(store: Store, key: str, attempt: str, commit: Commit) -> Commit:
    """Publish ``commit``; where another attempt was first, its commit is the one that counts."""
    source = f"{key}/{attempt}/commit.json"
    store.write(source, canonical_json(commit.model_dump(mode="json")).encode())
    store.publish(source, f"{key}/commit.json")
    winner = read_commit(store, key)
    assert winner is not None
    return winner
