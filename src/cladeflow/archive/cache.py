"""The columns of an archive, kept up to date from one look to the next."""

from collections.abc import Mapping, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    CompoundSelect,
    Connection,
    Executable,
    Select,
    bindparam,
    false,
    func,
    select,
)

from cladeflow.archive.ancestry import Ancestry
from cladeflow.archive.columns import Columns, Indices
from cladeflow.archive.population import NO_PARENTS
from cladeflow.archive.recording import champion
from cladeflow.archive.rows import values
from cladeflow.archive.schema import COUNTERS, agent_parents, agents, events, tallies

_ID = 64
"""Characters of an id."""
_ROW = np.dtype([("seq", np.int64), *((name, np.int64) for name in COUNTERS), ("eligible", bool)])


class Ids(Sequence[str]):
    """The ids that a block of memory holds now, whatever is appended to it.

    A million strings take twice the memory, and the garbage collector a look at each of them.
    """

    def __init__(self, block: bytearray) -> None:
        self._block = block
        self._length = len(block) // _ID

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        inside = range(self._length)[index]
        return self._at(inside) if isinstance(inside, int) else [self._at(i) for i in inside]

    def _at(self, index: int) -> str:
        return self._block[index * _ID : (index + 1) * _ID].decode()


class ColumnCache:
    """Reads the whole archive once, and later only what has happened since.

    Columns that were given out are never changed: a refresh copies the arrays, which takes
    milliseconds for a million agents. Nothing new gives the very same columns.
    """

    def __init__(self) -> None:
        self._event = 0
        self._seqs: NDArray[np.int64] = np.zeros(0, np.int64)
        """Numbers of the agents, ascending: where an agent's number is, its columns are."""
        self._ids = bytearray()
        """Only ever appended to, so that all columns share it."""
        self._ancestry = Ancestry()
        self._arrays: dict[str, NDArray[Any]] = {
            name: np.zeros(0, _ROW[name]) for name in (*COUNTERS, "eligible")
        }
        self._columns = Columns(ids=Ids(self._ids), champion=0, **self._arrays)

    def refresh(self, db: Connection) -> Columns:
        """The columns as ``db``, a snapshot, has them."""
        newest = db.scalar(select(func.max(events.c.id))) or 0
        if newest != self._event:
            self._append(db)
            self._put(_fetched(db, _read()) if self._event == 0 else self._changed(db))
            index = int(np.searchsorted(self._seqs, champion(db) or 0))
            self._columns = Columns(ids=Ids(self._ids), champion=index, **self._arrays)
            self._event = newest
        return self._columns

    def _append(self, db: Connection) -> None:
        """Agents that are new, and whom they descend from."""
        last = int(self._seqs[-1]) if len(self._seqs) else 0
        born = _fetched(db, _BORN, {"last": last})
        self._seqs = np.append(self._seqs, np.array([seq for seq, _ in born], np.int64))
        self._ids += "".join(agent_id for _, agent_id in born).encode()
        edges = np.array(_fetched(db, _EDGES, {"last": last}), np.int64).reshape(-1, 2)
        self._ancestry.append(len(born), self._places(edges[:, 0]), self._places(edges[:, 1]))

    def _changed(self, db: Connection) -> list[tuple[Any, ...]]:
        """Rows of all whom newer events can have changed.

        Those are the agents that they name, their parents, who may have got them as children, and
        all ancestors of agents that were evaluated.
        """
        named, evaluated = np.array(_fetched(db, _NAMED, {"event": self._event}), np.int64).T
        agents, ancestry = self._places(named), self._ancestry
        line = ancestry.line(agents[evaluated > 0].tolist())
        changed = sorted(line.union(agents.tolist(), ancestry.parents(agents.tolist())))
        return _fetched(db, _READ_SOME, {"some": self._seqs[changed].tolist()})

    def _places(self, seqs: NDArray[np.int64]) -> Indices:
        return np.searchsorted(self._seqs, seqs)

    def _put(self, rows: list[tuple[Any, ...]]) -> None:
        """Arrays with these rows in place of what was known of their agents."""
        found = np.array(rows, dtype=_ROW)
        at = self._places(found["seq"])
        for name, old in self._arrays.items():
            new = np.append(old, np.zeros(len(self._seqs) - len(old), old.dtype))
            new[at] = found[name]
            new.flags.writeable = False
            self._arrays[name] = new


def _read() -> Select[Any]:
    """What the columns hold of every agent."""
    counts = (tallies.c[name] for name in COUNTERS)
    eligible = tallies.c.status.not_in(NO_PARENTS)
    return select(tallies.c.agent_seq, *counts, eligible)


def _read_some() -> Select[Any]:
    """As `_read`, of some agents."""
    some = values("some", tallies.c.agent_seq)
    return _read().join_from(some, tallies, tallies.c.agent_seq == some.c.agent_seq)


def _named() -> CompoundSelect[Any]:
    """Agents that newer events name, and whether such an event adds to clades."""
    table, newer = events.c, events.c.id > bindparam("event")
    replaced = select(table.incumbent_seq, false())
    replaced = replaced.where(newer, table.incumbent_seq.is_not(None))
    return select(table.agent_seq, table.kind == "evaluated").where(newer).union(replaced)


def _fetched(
    db: Connection, query: Executable, parameters: Mapping[str, Any] | None = None
) -> list[tuple[Any, ...]]:
    """Rows as plain tuples: a million of them need no names."""
    cursor = db.execute(query, parameters).cursor
    assert cursor is not None
    return list(cursor.fetchall())


_READ_SOME, _NAMED = _read_some(), _named()
_BORN = select(agents.c.seq, agents.c.id).where(agents.c.seq > bindparam("last"))
_BORN = _BORN.order_by(agents.c.seq)
_EDGES = select(agent_parents.c.agent_seq, agent_parents.c.parent_seq)
_EDGES = _EDGES.where(agent_parents.c.agent_seq > bindparam("last"))
_EDGES = _EDGES.order_by(agent_parents.c.agent_seq)
