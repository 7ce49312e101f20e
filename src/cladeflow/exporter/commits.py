"""Reading commits: whose call each of them is, and what it measured."""

import re
from datetime import datetime
from typing import NamedTuple

from cladeflow.errors import StoreError
from cladeflow.graph import StageCall
from cladeflow.store import Commit, Store, read_commit
from cladeflow.telemetry import Metrics, read_metrics

_CALL = re.compile(
    r"generations/(?P<generation>\d+)/((?P<child>\d+)/)?((?P<round>[^/]+)\.(?P<repeat>\d+)/)?"
    r"(?P<stage>[a-z_]+)(\.(?P<update>\d+))?/[0-9a-f]{64}"
)


class Read(NamedTuple):
    """A call's commit and what its metrics.json holds."""

    key: str
    call: StageCall
    commit: Commit
    metrics: Metrics

    @property
    def created(self) -> float:
        """When it was committed, seconds since the epoch."""
        return created(self.commit)


def call_of(key: str) -> StageCall | None:
    """The call whose commits live at ``key``; None for a shard's and whatever else lies there."""
    found = _CALL.fullmatch(key)
    return None if found is None else StageCall.model_validate(_fields(found.groupdict()))


def _fields(groups: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in groups.items() if value is not None}


def read(store: Store, key: str) -> tuple[Commit, Metrics]:
    """The commit at ``key`` and its metrics; raises `StoreError` where either is damaged."""
    try:
        commit = read_commit(store, key)
        if commit is not None:
            created(commit)
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{store.uri}/{key}/commit.json is damaged: {error!r}") from error
    if commit is None:
        raise StoreError(f"{store.uri}/{key} has no commit any more")
    return commit, read_metrics(store, commit.metrics)


def created(commit: Commit) -> float:
    """When it was committed, seconds since the epoch."""
    return datetime.fromisoformat(commit.volatile["created"]).timestamp()
