"""What the exit handler does: it records how a run ended."""

import json
import os
import time
from pathlib import Path

from cladeflow.kubeflow.attempts import RUN


def record(home: str, call: str, state: str, reason: str) -> None:
    """Append a run's outcome to ``outcomes.jsonl`` of the home."""
    line = {
        **json.loads(call),
        "run": os.environ.get(RUN, ""),
        "state": state,
        "reason": reason or "",
        "ended": time.time(),
    }
    path = Path(home) / "outcomes.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")
