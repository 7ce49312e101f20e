"""The archive: every agent that ever was, what happened to it, and who may change the home.

Importing the room registers the parent selections and stays light; `cladeflow.archive.archive`
holds the database.
"""

from cladeflow.archive.events import (
    CHAMPION_CHANGES,
    ChampionMoved,
    Event,
    EventKind,
    Recorded,
)
from cladeflow.archive.latest import Latest
from cladeflow.archive.population import Evolution, Member, Population, Tally
from cladeflow.archive.selection import Selection

__all__ = [
    "CHAMPION_CHANGES",
    "ChampionMoved",
    "Event",
    "EventKind",
    "Evolution",
    "Latest",
    "Member",
    "Population",
    "Recorded",
    "Selection",
    "Tally",
]
