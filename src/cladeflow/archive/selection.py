"""What a parent selection is."""

from abc import abstractmethod

from cladeflow.archive.population import Population
from cladeflow.strategy import Strategy


class Selection(Strategy, slot="selection"):
    """Draws the parents of the next children."""

    @abstractmethod
    def select(self, population: Population, k: int, key: str) -> list[str]:
        """Ids of ``k`` parents, one per child; ``key`` seeds whatever is drawn."""
