"""The columns of an archive, kept up to date from one look to the next."""

from collections.abc import Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Select, func, select

from cladeflow.archive.columns import Columns
from cladeflow.archive.population import NO_PARENTS
from cladeflow.archive.recording import champion
from cladeflow.archive.schema import agent_parents, agents, events, tallies

_COUNTS = ("ok", "fail", "clade_ok", "clade_fail", "children")
_ROW = np.dtype([("seq", np.int64), *((name, np.int64) for name in _COUNTS), ("eligible", bool)])


class First(Sequence[str]):
    """The strings that a list holds now, whatever is appended to it."""

    def __init__(self, strings: list[str]) -> None:
        self._strings = strings
        self._length = len(strings)

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        inside = range(self._length)[index]
        if isinstance(inside, int):
            return self._strings[inside]
        return [self._strings[at] for at in inside]


class ColumnCache:
    """Reads the whole archive once, and later only what has happened since.

    Columns that were given out are never changed: a refresh copies the arrays, which takes
    milliseconds for a million agents. Nothing new gives the very same columns.
    """

    def __init__(self) -> None:
        self._event = 0
        self._seqs: NDArray[np.int64] = np.zeros(0, np.int64)
        """Numbers of the agents, ascending: where an agent's number is, its columns are."""
        self._ids: list[str] = []
        """Only ever appended to, so that all columns share it."""
        self._arrays: dict[str, NDArray[Any]] = {
            name: np.zeros(0, _ROW[name]) for name in (*_COUNTS, "eligible")
        }
        self._columns = Columns(ids=First(self._ids), champion=0, **self._arrays)

    def refresh(self, db: Connection) -> Columns:
        """The columns as ``db``, a snapshot, has them."""
        newest = db.scalar(select(func.max(events.c.id))) or 0
        if newest != self._event:
            rows = _fetched(db, _read() if self._event == 0 else _read_since(self._event))
            self._append(db)
            self._put(np.array(rows, dtype=_ROW))
            index = int(np.searchsorted(self._seqs, champion(db) or 0))
            self._columns = Columns(ids=First(self._ids), champion=index, **self._arrays)
            self._event = newest
        return self._columns

    def _append(self, db: Connection) -> None:
        """Ids of agents that are new."""
        last = int(self._seqs[-1]) if len(self._seqs) else 0
        query = select(agents.c.seq, agents.c.id).where(agents.c.seq > last)
        born = sorted(_fetched(db, query))
        self._seqs = np.append(self._seqs, np.array([seq for seq, _ in born], np.int64))
        self._ids += [agent_id for _, agent_id in born]

    def _put(self, rows: NDArray[Any]) -> None:
        """Arrays with these rows in place of what was known of their agents."""
        at = np.searchsorted(self._seqs, rows["seq"])
        for name, old in self._arrays.items():
            new = np.zeros(len(self._seqs), old.dtype)
            new[: len(old)] = old
            new[at] = rows[name]
            new.flags.writeable = False
            self._arrays[name] = new


def _read() -> Select[Any]:
    """What the columns hold of every agent."""
    counts = (tallies.c[name] for name in _COUNTS)
    eligible = tallies.c.status.not_in(NO_PARENTS)
    return select(tallies.c.agent_seq, *counts, eligible)


def _read_since(event: int) -> Select[Any]:
    """As `_read`, of the agents of newer events and all their ancestors: no others can change."""
    table, edges = events.c, agent_parents.c
    named = select(table.agent_seq.label("seq")).where(table.id > event)
    replaced = select(table.incumbent_seq).where(table.id > event, table.incumbent_seq.is_not(None))
    both = named.union(replaced).subquery()
    touched = select(both.c.seq).cte("touched", recursive=True)
    above = select(edges.parent_seq).join(touched, edges.agent_seq == touched.c.seq)
    touched = touched.union(above)
    return _read().join(touched, tallies.c.agent_seq == touched.c.seq)


def _fetched(db: Connection, query: Select[Any]) -> list[tuple[Any, ...]]:
    """Rows as plain tuples: a million of them need no names."""
    cursor = db.execute(query).cursor
    assert cursor is not None
    return list(cursor.fetchall())
