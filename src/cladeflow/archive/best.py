"""Hill climbing: every child descends from the agent with the top score."""

import numpy as np

from cladeflow.archive.columns import Columns
from cladeflow.archive.selection import Selection, candidates, measured


class Best(Selection, name="best", version=1):
    """Parent = argmax_i α_i, α_i = own tasks solved / own tasks tried; of equals the oldest.

    The greedy control of the Darwin Gödel Machine (Zhang et al. 2025, arXiv:2505.22954), whose
    released code sorts the wrong way round and takes the worst.
    """

    def select(self, columns: Columns, k: int, key: str) -> list[str]:
        return [columns.ids[columns.derive(self.name, lambda: _top(columns))]] * k


def _top(columns: Columns) -> int:
    agents = candidates(columns)
    return int(agents[np.argmax(measured(columns)[agents])])
