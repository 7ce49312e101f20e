"""The archive: every agent that ever was, what happened to it, and who may change the home.

Importing the room registers the parent selections and stays light; `cladeflow.archive.archive`
holds the database.
"""

from cladeflow.archive.best import Best
from cladeflow.archive.best_of_n import BestOfN
from cladeflow.archive.checkpoint_pool import CheckpointPool
from cladeflow.archive.clade_thompson import CladeThompson
from cladeflow.archive.columns import Columns
from cladeflow.archive.dgm_sampling import DgmSampling
from cladeflow.archive.events import (
    CHAMPION_CHANGES,
    ChampionMoved,
    Event,
    EventKind,
    Recorded,
)
from cladeflow.archive.latest import Latest
from cladeflow.archive.population import UNFIT, Evolution, Member, Tally
from cladeflow.archive.random import Random
from cladeflow.archive.selection import Selection

__all__ = [
    "CHAMPION_CHANGES",
    "UNFIT",
    "Best",
    "BestOfN",
    "ChampionMoved",
    "CheckpointPool",
    "CladeThompson",
    "Columns",
    "DgmSampling",
    "Event",
    "EventKind",
    "Evolution",
    "Latest",
    "Member",
    "Random",
    "Recorded",
    "Selection",
    "Tally",
]
