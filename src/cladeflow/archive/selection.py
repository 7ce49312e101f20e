"""What a parent selection is."""

from abc import abstractmethod

import numpy as np

from cladeflow.archive.columns import Columns, Indices, Scores
from cladeflow.errors import HomeError
from cladeflow.strategy import Strategy


class Selection(Strategy, slot="selection"):
    """Draws the parents of the next children. A quarantined agent is never one of them."""

    @abstractmethod
    def select(self, columns: Columns, k: int, key: str) -> list[str]:
        """Ids of ``k`` parents from N agents; ``key`` seeds whatever is drawn.

        What does not depend on ``key`` is computed once per columns. Raises `HomeError` where no
        agent may be a parent.
        """

    def opponents(self, columns: Columns) -> list[str]:
        """Ids of agents that a generation may play, compare or learn against."""
        return []


def candidates(columns: Columns) -> Indices:
    """Indices of the agents that may be parents, oldest first; raises `HomeError` without any."""
    found = columns.derive("candidates", lambda: np.flatnonzero(columns.eligible))
    if not len(found):
        raise HomeError(
            "no agent may be a parent: each is quarantined or was never evaluated; "
            "'cladeflow archive tree' shows them"
        )
    return found


def measured(columns: Columns) -> Scores:
    """[N] scores, 0 where an agent has no trials: nothing is known in its favour."""
    return columns.derive("measured", lambda: columns.ok / np.maximum(columns.ok + columns.fail, 1))
