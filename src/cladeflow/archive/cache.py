"""The columns of an archive, kept up to date from one look to the next."""

from collections.abc import Mapping, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    Connection,
    Executable,
    FromClause,
    Select,
    bindparam,
    func,
    select,
)

from cladeflow.archive.ancestry import Ancestry
from cladeflow.archive.columns import Columns, Indices
from cladeflow.archive.population import NO_PARENTS
from cladeflow.archive.recording import champion
from cladeflow.archive.schema import COUNTERS, ID_LENGTH, agent_parents, agents, events, tallies

_OWN_COUNTERS = ("ok", "fail")
_SEQ, _ELIGIBLE = ("seq", np.int64), ("eligible", bool)
_ROW = np.dtype([_SEQ, *((name, np.int64) for name in COUNTERS), _ELIGIBLE])
_OWN = np.dtype([_SEQ, *((name, np.int64) for name in _OWN_COUNTERS), _ELIGIBLE])

Arrays = dict[str, NDArray[Any]]


class Ids(Sequence[str]):
    """The ids that a block of memory holds now, whatever is appended to it.

    A million strings take twice the memory, and the garbage collector a look at each of them.
    """

    def __init__(self, block: bytearray) -> None:
        self._block = block
        self._length = len(block) // ID_LENGTH

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
        return self._block[index * ID_LENGTH : (index + 1) * ID_LENGTH].decode()


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
        self._arrays: Arrays = {name: np.zeros(0, _ROW[name]) for name in (*COUNTERS, "eligible")}
        self._columns = Columns(ids=Ids(self._ids), champion=0, **self._arrays)

    def refresh(self, db: Connection) -> Columns:
        """The columns as ``db``, a snapshot, has them."""
        newest = db.scalar(select(func.max(events.c.id))) or 0
        if newest != self._event:
            self._append(db)
            arrays = {name: self._grown(old) for name, old in self._arrays.items()}
            if self._event == 0:
                _put(arrays, *self._rows(_fetched(db, _ALL), _ROW))
            else:
                self._follow(db, arrays)
            for array in arrays.values():
                array.flags.writeable = False
            index = int(np.searchsorted(self._seqs, champion(db) or 0))
            self._columns = Columns(ids=Ids(self._ids), champion=index, **arrays)
            self._arrays, self._event = arrays, newest
        return self._columns

    def _append(self, db: Connection) -> None:
        """Agents that are new, and whom they descend from."""
        last = int(self._seqs[-1]) if len(self._seqs) else 0
        born = _fetched(db, _BORN, {"last": last})
        self._seqs = np.append(self._seqs, np.array([seq for seq, _ in born], np.int64))
        self._ids += "".join(agent_id for _, agent_id in born).encode()
        edges = np.array(_fetched(db, _EDGES, {"last": last}), np.int64).reshape(-1, 2)
        self._ancestry.append(len(born), self._places(edges[:, 0]), self._places(edges[:, 1]))

    def _follow(self, db: Connection, arrays: Arrays) -> None:
        """Bring ``arrays`` from the last event that they know of to the newest.

        Only agents that newer events name have another standing or other trials of their own. What
        these have grown by, the clades of all their ancestors have grown by as well; reading
        those, there are many, would take longer than everything else here.
        """
        for parent in self._ancestry.parents_from(len(self._arrays["children"])):
            arrays["children"][parent] += 1
        agents, own = self._rows(_fetched(db, _NAMED, {"event": self._event}), _OWN)
        trials = [own[name] - arrays[name][agents] for name in _OWN_COUNTERS]
        _put(arrays, agents, own)
        for agent, ok, fail in zip(agents.tolist(), *trials, strict=True):
            if ok or fail:
                line = list(self._ancestry.line(agent))
                arrays["clade_ok"][line] += ok
                arrays["clade_fail"][line] += fail

    def _places(self, seqs: NDArray[np.int64]) -> Indices:
        return np.searchsorted(self._seqs, seqs)

    def _grown(self, old: NDArray[Any]) -> NDArray[Any]:
        """A copy with zeros for the agents that are new."""
        new = np.zeros(len(self._seqs), old.dtype)
        new[: len(old)] = old
        return new

    def _rows(
        self, rows: list[tuple[Any, ...]], dtype: np.dtype[Any]
    ) -> tuple[Indices, NDArray[Any]]:
        """Rows that begin with the number of an agent: where their agents are, and by column."""
        found = np.array(rows, dtype)
        return self._places(found["seq"]), found


def _put(arrays: Arrays, agents: Indices, found: NDArray[Any]) -> None:
    """Put what was found of ``agents`` where it belongs."""
    for name in found.dtype.names or ():
        if name in arrays:
            arrays[name][agents] = found[name]


def _standing(source: FromClause, counters: Sequence[str]) -> Select[Any]:
    """Agents with some of their counters, and whether they may be parents."""
    counts = (tallies.c[name] for name in counters)
    eligible = tallies.c.status.not_in(NO_PARENTS)
    return select(tallies.c.agent_seq, *counts, eligible).select_from(source)


def _named() -> Select[Any]:
    """What newer events can have changed of the agents that they name."""
    newer = events.c.id > bindparam("event")
    replaced = select(events.c.incumbent_seq).where(newer, events.c.incumbent_seq.is_not(None))
    named = select(events.c.agent_seq).where(newer).union(replaced).subquery("named")
    changed = named.join(tallies, tallies.c.agent_seq == named.c.agent_seq)
    return _standing(changed, _OWN_COUNTERS)


def _fetched(
    db: Connection, query: Executable, parameters: Mapping[str, Any] | None = None
) -> list[tuple[Any, ...]]:
    """Rows as plain tuples: a million of them need no names."""
    cursor = db.execute(query, parameters).cursor
    assert cursor is not None
    return list(cursor.fetchall())


_ALL, _NAMED = _standing(tallies, COUNTERS), _named()
_BORN = select(agents.c.seq, agents.c.id).where(agents.c.seq > bindparam("last"))
_BORN = _BORN.order_by(agents.c.seq)
_EDGES = select(agent_parents.c.agent_seq, agent_parents.c.parent_seq)
_EDGES = _EDGES.where(agent_parents.c.agent_seq > bindparam("last"))
_EDGES = _EDGES.order_by(agent_parents.c.agent_seq)
