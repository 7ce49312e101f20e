"""A single lineage: every child descends from the newest accepted agent."""

from cladeflow.archive.columns import Columns
from cladeflow.archive.selection import Selection
from cladeflow.errors import HomeError


class Latest(Selection, name="latest", version=1):
    """Parent = the agent accepted last, which is the champion; the initial one before that.

    What STaR (arXiv 2203.14465) and most single-lineage methods do.
    """

    def select(self, columns: Columns, k: int, key: str) -> list[str]:
        champion = columns.ids[columns.champion]
        if not columns.eligible[columns.champion]:
            raise HomeError(
                f"the champion {champion[:12]} is quarantined, so nothing may descend from it; "
                "roll back to an earlier one, or select parents from the archive"
            )
        return [champion] * k
