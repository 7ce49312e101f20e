"""The archive without any judgement: parents drawn evenly."""

from cladeflow.archive.columns import Columns
from cladeflow.archive.selection import Selection, candidates
from cladeflow.evaluate.statistics import keyed_generator


class Random(Selection, name="random", version=1):
    """p_i = 1/N over the N agents that may be parents, drawn with replacement.

    The control of what a selection knows about scores (Zhang et al. 2025, arXiv:2505.22954).
    """

    def select(self, columns: Columns, k: int, key: str) -> list[str]:
        agents = candidates(columns)
        drawn = keyed_generator(f"{key}/{self.name}").integers(len(agents), size=k)
        return [columns.ids[agent] for agent in agents[drawn].tolist()]
