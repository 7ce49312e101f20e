"""What a parent selection is."""

from abc import abstractmethod

from cladeflow.archive.columns import Columns
from cladeflow.strategy import Strategy


class Selection(Strategy, slot="selection"):
    """Draws the parents of the next children."""

    @abstractmethod
    def select(self, columns: Columns, k: int, key: str) -> list[str]:
        """Ids of ``k`` parents, one per child, from N agents; ``key`` seeds whatever is drawn."""
