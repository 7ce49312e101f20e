"""Durable storage: objects, sets of records, commits and model references."""

from cladeflow.store.base import Store
from cladeflow.store.commits import (
    Commit,
    commit_keys,
    newest_commit,
    read_commit,
    write_commit,
)
from cladeflow.store.local import LocalStore, explained
from cladeflow.store.refs import (
    directory_ref,
    materialise,
    ref_digest,
    seed_directory,
    seed_ref,
    store_ref,
    tree_digest,
    tree_key,
)
from cladeflow.store.sets import SetManifest, Shard, join_sets, read_set, search, write_set

__all__ = [
    "Commit",
    "LocalStore",
    "SetManifest",
    "Shard",
    "Store",
    "commit_keys",
    "directory_ref",
    "explained",
    "join_sets",
    "materialise",
    "newest_commit",
    "read_commit",
    "read_set",
    "ref_digest",
    "search",
    "seed_directory",
    "seed_ref",
    "store_ref",
    "tree_digest",
    "tree_key",
    "write_commit",
    "write_set",
]
