"""MLflow, as the tasks of a cluster's run see it: brought up to date, and listened to."""

from pathlib import Path
from typing import NamedTuple


class Projected(NamedTuple):
    """What came of a projection."""

    problem: str = ""
    """Why MLflow is not up to date; nothing fails of it."""
    promoted: str = ""
    """The agent that a person had moved the alias ``champion`` to, and that is champion now."""


def project(directory: Path) -> Projected:
    """Project a home to its MLflow.

    An alias that was moved by hand since the last time is honoured.
    """
    from cladeflow.archive.archive import Archive
    from cladeflow.errors import CladeflowError
    from cladeflow.home import Home
    from cladeflow.tracking.collect import sync_home
    from cladeflow.tracking.honour import honour

    promoted = ""
    try:
        home = Home(directory)
        home.require()
        moved = sync_home(home)
        if moved is not None:
            with Archive.open(home.archive_url) as archive:
                promoted = moved.to if honour(archive, moved) else ""
            print(f"the alias champion was moved in MLflow, to {moved.to[:12]}")
            sync_home(home)
    except CladeflowError as error:
        return Projected(str(error), promoted)
    return Projected(promoted=promoted)
