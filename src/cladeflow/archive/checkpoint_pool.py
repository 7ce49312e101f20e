"""A single lineage that keeps its past at hand, as opponents and as sources of pairs."""

from pydantic import Field

from cladeflow.archive.columns import Columns
from cladeflow.archive.latest import Latest
from cladeflow.archive.selection import candidates


class CheckpointPool(Latest, name="checkpoint_pool", version=1):
    """Parent = the champion; pool = the ``size`` newest other agents that may be parents.

    Playing against, or preferring oneself to, earlier selves: SPIRAL (Liu et al. 2025,
    arXiv:2506.24119), SPPO (Wu et al. 2024, arXiv:2405.00675), temporal self-rewarding (Wang et
    al. 2025, arXiv:2508.06026). The pool is part of the generation's plan, newest first.
    """

    size: int = Field(default=8, gt=0)

    def opponents(self, columns: Columns) -> list[str]:
        past = (i for i in reversed(candidates(columns).tolist()) if i != columns.champion)
        return [columns.ids[agent] for agent, _ in zip(past, range(self.size), strict=False)]
