"""What a memory is, and how a snapshot of one is found again."""

from collections.abc import Iterator

from cladeflow.errors import StoreError
from cladeflow.records import Experience
from cladeflow.session import Session
from cladeflow.store import SetManifest, read_commit, ref_digest
from cladeflow.strategy import Strategy

SET = "memory"
"""The set of a commit that holds a snapshot."""


class Memory(Strategy, slot="memory"):
    """What an agent keeps outside its weights from one update or episode to the next.

    A snapshot belongs to its agent: a child starts with its parent's, and a rollback brings back
    weights and memory together.
    """


def snapshot_ref(key: str, manifest: SetManifest) -> str:
    """Ref of the snapshot that the commit at ``key`` will hold."""
    return f"store:{key}#{manifest.digest}"


def recall(session: Session, ref: str | None) -> Iterator[Experience]:
    """What a snapshot holds; raises `StoreError` where it is gone or not what it was."""
    if ref is None:
        return
    key = ref.partition("#")[0].removeprefix("store:")
    commit = read_commit(session.store, key)
    manifest = commit.sets.get(SET) if commit is not None else None
    if manifest is None or manifest.digest != ref_digest(ref):
        raise StoreError(
            f"{session.store.uri}/{key}: the agent's memory is gone or not what it was; restore"
            " the directory, or start another home with --home"
        )
    yield from session.read(manifest, Experience)
