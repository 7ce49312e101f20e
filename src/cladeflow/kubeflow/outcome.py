"""What the exit handler does: it records how a run ended, and projects the home to MLflow."""

import json
import os
import time
from pathlib import Path

from cladeflow.kubeflow.attempts import RUN
from cladeflow.kubeflow.projecting import Projected, project


def record(home: str, call: str, state: str, reason: str) -> None:
    """Note the end of the run that this process belongs to.

    Where the call says so, MLflow learns what the archive holds by now, and the archive what a
    person moved there; that this cannot be is noted too, and fails nothing.
    """
    fields = json.loads(call)
    found = project(Path(home)) if fields.pop("project") else Projected()
    about = {"projection": found.problem, "promoted_external": found.promoted}
    note(Path(home), os.environ.get(RUN, ""), state, reason, **fields, **about)


def note(home: Path, run: str, state: str, reason: str, **about: str) -> None:
    """Append how a run ended to ``outcomes.jsonl`` of the home."""
    line = {**about, "run": run, "state": state, "reason": reason or "", "ended": time.time()}
    path = home / "outcomes.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")
