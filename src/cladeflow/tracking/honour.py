"""An alias that a person moved in MLflow: it says who is champion."""

from cladeflow.archive import Event
from cladeflow.archive.archive import Archive
from cladeflow.tracking.view import Moved


def honour(archive: Archive, moved: Moved) -> bool:
    """Make the agent that an alias was moved to champion, once; whether this did it.

    Another command's projection may have found the same move, and its command may have moved on
    since: then there is an event of it after the one that this projection began at.
    """
    champion = archive.champion().agent.id
    since = archive.events(since=moved.at_event, kinds=["promoted_external"])
    if moved.to == champion or any(event.agent_id == moved.to for event in since):
        return False
    event = Event(
        key=f"promoted_external/{moved.to}/{archive.event_id()}",
        kind="promoted_external",
        agent_id=moved.to,
        incumbent_id=champion,
        who="MLflow",
        why="the alias champion was moved by hand",
    )
    archive.record([event])
    return True
