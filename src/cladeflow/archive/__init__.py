"""The archive: every agent that ever was, what happened to it, and who may change the home.

Importing the room registers the parent selections and stays light; `cladeflow.archive.archive`
holds the database.
"""

from cladeflow.archive.columns import Columns
from cladeflow.archive.events import (
    CHAMPION_CHANGES,
    ChampionMoved,
    Event,
    EventKind,
    Recorded,
)
from cladeflow.archive.latest import Latest
from cladeflow.archive.population import UNFIT, Evolution, Member, Tally
from cladeflow.archive.selection import Selection

__all__ = [
    "CHAMPION_CHANGES",
    "UNFIT",
    "ChampionMoved",
    "Columns",
    "Event",
    "EventKind",
    "Evolution",
    "Latest",
    "Member",
    "Recorded",
    "Selection",
    "Tally",
]
