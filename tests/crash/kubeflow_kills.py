"""``python -m tests.crash.kubeflow_kills DIRECTORY``: kills a run of kfp.local at every death.

The run is that of the command, started again until it comes to its end; its steps are processes of
their own, as always. Only the command's is forked, from one that has imported what it needs.
Prints what one undisturbed process gives and what all these runs gave as JSON.
"""

import gc
import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.fingerprint import fingerprint
from cladeflow import evolution
from cladeflow.evolution import Runner
from cladeflow.home import Home
from cladeflow.kubeflow.attempts import Ledger
from cladeflow.runners import inline, kubeflow
from tests.crash.deaths import DEATHS, DRIVER, MARKS
from tests.crash.zygote import IMPORTED, WISH, NoProjection, in_child

STEPS = Path(__file__).with_name("steps")


def run(home: Path, runner: Runner) -> dict[str, Any]:
    """One generation, from wherever ``home`` stands, and what must be equal afterwards."""
    os.environ[DRIVER] = str(os.getpid())
    evolution.evolve(Home(home), WISH, 1, runner, lambda *_: None, lambda _: None)
    return fingerprint(home, registry=False)


def main() -> None:
    """Run it undisturbed, then against all deaths."""
    root = Path(sys.argv[1])
    home, marks = root / "killed", root / "marks"
    marks.mkdir()
    os.environ[MARKS] = str(marks)
    os.environ["PYTHONPATH"] += f"{os.pathsep}{STEPS}"
    for module in (*IMPORTED, "kfp.local", "kfp.kubernetes", "kfp.compiler"):
        import_module(module)
    patch.object(evolution, "Projector", NoProjection).start()
    gc.freeze()
    expected = in_child(lambda: run(root / "undisturbed", inline.run))
    runs = [in_child(lambda: run(home, kubeflow.run))]
    while "killed" in runs[-1] and len(runs) <= len(DEATHS):
        runs.append(in_child(lambda: run(home, kubeflow.run)))
    attempts = [[one.task, one.outcome] for one in Ledger(home).all()]
    marked = sorted(path.name for path in marks.iterdir())
    json.dump(
        {"expected": expected, "runs": runs, "marked": marked, "attempts": attempts}, sys.stdout
    )


if __name__ == "__main__":
    main()
