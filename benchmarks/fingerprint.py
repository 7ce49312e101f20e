"""What must be equal between two runs of the same evolution, however often they were killed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cladeflow.archive.archive import Archive
from cladeflow.home import Home
from cladeflow.store import Commit
from cladeflow.tracking.collect import sync_home


def fingerprint(directory: Path, registry: bool = True) -> dict[str, Any]:
    """Commit digests by place, the archive's content without times, and the registry's.

    The registry is projected first: a run on a busy machine does not wait for MLflow for ever.
    """
    home = Home(directory)
    found = {"commits": dict(_commits(directory / "store")), "archive": _archive(home)}
    return {**found, "registry": _registry(home)} if registry else found


def _commits(store: Path) -> Iterator[tuple[str, str]]:
    """Published commits only: attempts that lost or died lie one directory deeper."""
    for path in sorted(store.rglob("commit.json")):
        fields = json.loads(path.read_text())
        if path.parent.name != fields["volatile"]["attempt"]:
            where = path.parent.relative_to(store).as_posix()
            yield where, Commit.model_validate(fields).digest


def _archive(home: Home) -> list[Any]:
    with Archive.open(home.archive_url) as archive:
        events = [e._replace(created="")._asdict() for e in archive.events()]
        agents = [(m.agent.id, m.child, m.status, m.tally) for m in archive.agents()]
        return [archive.evolution.id, archive.champion().agent.id, events, agents]


def _registry(home: Home) -> list[Any]:
    """Registered versions with what they say of themselves, and where the aliases point.

    Names and one tag hold the unique id of the home, which is left out.
    """
    from mlflow import MlflowClient

    sync_home(home)
    client = MlflowClient(home.tracking_uri)
    found = []
    for model in client.search_registered_models():
        versions = client.search_model_versions(f"name='{model.name}'")
        for version in sorted(versions, key=lambda v: int(v.version)):
            tags = {k: v for k, v in version.tags.items() if k != "cladeflow.evolution"}
            found.append([version.version, tags])
        full = client.get_registered_model(model.name)
        found.append(sorted(full.aliases.items()))
    return found
