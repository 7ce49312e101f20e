"""Who descends from whom, in memory: agents by their places among the columns."""

from array import array
from collections.abc import Iterator

import numpy as np

from cladeflow.archive.columns import Indices


class Ancestry:
    """The parents of N agents. Only ever appended to; a place is an index from 0 to N - 1."""

    def __init__(self) -> None:
        self._ends = array("q", [0])
        """The parents of agent i are ``_parents[_ends[i] : _ends[i + 1]]``."""
        self._parents = array("q")

    def append(self, agents: int, children: Indices, parents: Indices) -> None:
        """So many agents more, with edges from these, in ascending order, to their parents."""
        counts = np.bincount(children - (len(self._ends) - 1), minlength=agents)
        self._ends.frombytes((self._ends[-1] + np.cumsum(counts)).astype(np.int64).tobytes())
        self._parents.frombytes(parents.astype(np.int64).tobytes())

    def parents_from(self, first: int) -> Iterator[int]:
        """The parents of agent ``first`` and of all after it, each once for every child."""
        for at in range(first, len(self._ends) - 1):
            yield from set(self._parents[self._ends[at] : self._ends[at + 1]])

    def line(self, agent: int) -> set[int]:
        """An agent and all its ancestors."""
        ends, parents = self._ends, self._parents
        found, left = {agent}, [agent]
        while left:
            at = left.pop()
            for parent in parents[ends[at] : ends[at + 1]]:
                if parent not in found:
                    found.add(parent)
                    left.append(parent)
        return found
