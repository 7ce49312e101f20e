"""What the exit handler does: it records how a run ended, and projects the home to MLflow."""

import json
import os
import time
from pathlib import Path

from cladeflow.kubeflow.attempts import RUN


def record(home: str, call: str, state: str, reason: str) -> None:
    """Append a run's outcome to ``outcomes.jsonl`` of the home.

    Where the call says so, MLflow learns what the archive holds by now; that it cannot is recorded
    too, and fails nothing.
    """
    fields = json.loads(call)
    project = fields.pop("project")
    line = {
        **fields,
        "run": os.environ.get(RUN, ""),
        "state": state,
        "reason": reason or "",
        "ended": time.time(),
        "projection": _projected(Path(home)) if project else "",
    }
    path = Path(home) / "outcomes.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")


def _projected(directory: Path) -> str:
    """Project a home to the MLflow of the environment, or beside it; what went wrong, if it did."""
    from cladeflow.errors import CladeflowError
    from cladeflow.home import Home
    from cladeflow.tracking.collect import sync_home

    home = Home(directory, os.environ.get("MLFLOW_TRACKING_URI"))
    try:
        home.require()
        sync_home(home)
    except CladeflowError as error:
        return str(error)
    return ""
