"""``python -m tests.crash.promotions DIRECTORY``: kills a rollback in every one of its writes.

A change of champion is a transaction of the archive, then writes to MLflow: which are its writes,
and whether the same command ends in the same state wherever it died, is printed as JSON. MLflow
takes seconds to import, so one process imports it and forks the others; the projection, which has
a process of its own otherwise, happens in the one that dies.
"""

import gc
import json
import shutil
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

from sqlalchemy import Connection

from cladeflow import evolution
from cladeflow.archive import Event, recording
from cladeflow.archive.archive import Archive
from cladeflow.home import Home
from cladeflow.promote.rollback import roll_back
from cladeflow.session import Session, silent
from cladeflow.tracking.background import Projector
from cladeflow.tracking.client import tracking_client
from cladeflow.tracking.collect import sync_home
from cladeflow.tracking.view import evolution_name, model_name
from tests import model_homes as homes
from tests.crash.killer import Killer
from tests.crash.zygote import in_child

IMPORTED = (
    "alembic.command",
    "mlflow.store.db.utils",
    "mlflow.store.model_registry.sqlalchemy_store",
    "mlflow.store.tracking.sqlalchemy_store",
)
MLFLOW_WRITES = (
    "create_run",
    "log_batch",
    "set_terminated",
    "create_model_version",
    "set_model_version_tag",
    "set_registered_model_tag",
    "set_registered_model_alias",
    "delete_registered_model_alias",
)


class Here(Projector):
    """Projects in this process."""

    def project(self) -> None:
        self._moved = sync_home(self._home)


def grow(directory: Path) -> None:
    """A home with two champions after the initial agent, projected."""
    home = homes.found(directory)
    with Session(home) as session:
        agent = session.archive.agent("initial").agent
        for gen in (1, 2):
            agent = homes.born(session, gen, agent, ok=50)
            homes.promoted(session, agent)
    with patch("cladeflow.tracking.collect._generation", _nothing):
        sync_home(home)


def _nothing(session: Session, number: int, params: Any) -> Any:
    """What a generation without stages shows of itself."""
    from cladeflow.tracking.view import GenerationView, StageView

    stage = StageView(key=str(number), name="promote", started=1.7e9, seconds=1)
    return GenerationView(number=number, stages=(stage,))


def run(home: Path, killer: Killer | None = None) -> dict[str, Any]:
    """``cladeflow rollback --to initial``, and what the archive and MLflow hold after it."""
    if killer is not None:
        _watch(killer)
    place = Home(home)
    with evolution.in_charge(place, silent, print) as session:
        roll_back(session, "ada@desk", to="initial", why="worse")
    return {"state": state(place), "writes": killer.writes if killer else []}


def state(home: Home) -> Any:
    """Events without their times, and every version with the agent and the aliases it has."""
    with Archive.open(home.archive_url) as archive:
        events = [event._replace(created="") for event in archive.events()]
        found = archive.evolution
    name = model_name(evolution_name(found.recipe, found.uid), "actor")
    with tracking_client(home.tracking_uri) as client:
        versions = client.search_model_versions(f"name = '{name}'")
        model = client.get_registered_model(name)
    agents = sorted((int(v.version), v.tags["cladeflow.agent"]) for v in versions)
    statuses = sorted((int(v.version), v.tags["cladeflow.status"]) for v in versions)
    return json.loads(json.dumps([events, agents, statuses, model.aliases]))


def _watch(killer: Killer) -> None:
    """Have the killer count the swap (in its transaction) and every write to MLflow."""
    from mlflow import MlflowClient

    swap = recording.record

    def record(db: Connection, events: Sequence[Event]) -> None:
        swap(db, events)
        killer.reach("swap")

    patch.object(recording, "record", record).start()
    for name in MLFLOW_WRITES:
        write = getattr(MlflowClient, name)

        def wrapped(*given: Any, write: Any = write, name: str = name, **options: Any) -> Any:
            killer.reach(name)
            return write(*given, **options)

        patch.object(MlflowClient, name, wrapped).start()


def kill_and_repeat(root: Path, at: int) -> list[Any]:
    """How the command dies in write ``at``, and what it gives when it is typed again."""
    home = root / str(at)
    shutil.copytree(root / "grown" / "home", home)
    died = in_child(lambda: run(home, Killer(at)))
    return [died, in_child(lambda: run(home))]


def main() -> None:
    """Import what children need, then try every write."""
    for module in IMPORTED:
        import_module(module)
    patch.object(evolution, "Projector", Here).start()
    patch("cladeflow.tracking.collect._generation", _nothing).start()
    gc.freeze()
    root = Path(sys.argv[1])
    in_child(lambda: grow(root / "grown"))
    shutil.copytree(root / "grown" / "home", root / "undisturbed")
    expected = in_child(lambda: run(root / "undisturbed", Killer()))["gave"]
    tried = [kill_and_repeat(root, at) for at in range(len(expected["writes"]))]
    print(json.dumps({**expected, "tried": tried}))


if __name__ == "__main__":
    main()
