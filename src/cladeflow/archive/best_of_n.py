"""No archive at all: N independent children of the initial agent, of which the best stays."""

from cladeflow.archive.columns import Columns
from cladeflow.archive.selection import Selection
from cladeflow.errors import HomeError


class BestOfN(Selection, name="best_of_n", version=1):
    """Parent = the initial agent, always; the gate or a final pick keeps the best of N children.

    The control that a search over an archive has to beat at an equal number of evaluations: where
    improvements do not build on each other, it does as well.
    """

    def select(self, columns: Columns, k: int, key: str) -> list[str]:
        initial = columns.ids[0]
        if not columns.eligible[0]:
            raise HomeError(f"the initial agent {initial[:12]} is quarantined; select another way")
        return [initial] * k
