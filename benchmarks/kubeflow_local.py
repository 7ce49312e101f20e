"""What a task costs whose work is done: a step of the compiled pipeline on kfp.local.

    python -m benchmarks.kubeflow_local --runs 5 [--home DIRECTORY]

Runs a generation at micro scale (in DIRECTORY, where it is kept), then the same again, so that
every task finds its commit. Wall time is that of kfp.local's own log, from a task's start to its
end; CPU time is the tasks' processes'. Prints JSON.
"""

import argparse
import json
import os
import re
import resource
import tempfile
from datetime import datetime
from pathlib import Path
from statistics import median

from cladeflow.home import Home
from cladeflow.runners import kubeflow
from cladeflow.session import Session
from tests.homes import begun

_LINE = re.compile(r"^(\d\d:\d\d:\d\d\.\d{3}) - INFO - (Executing task|Task .* finished)", re.M)


def walls(log: str) -> list[float]:
    """Seconds from the start to the end of every task of a log without parallel ones."""
    moments = [datetime.strptime(at, "%H:%M:%S.%f") for at, _ in _LINE.findall(log)]
    pairs = zip(moments[::2], moments[1::2], strict=True)
    return [(end - began).total_seconds() for began, end in pairs]


def measure(home: Home) -> dict[str, float]:
    """Medians over the tasks of one more run of a generation that is done."""
    log = home.directory / kubeflow.LOG
    begins = log.stat().st_size
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with Session(home) as session:
        kubeflow.run(session, 1)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = walls(log.read_bytes()[begins:].decode())
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": median(found), "cpu": cpu / len(found), "tasks": len(found)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--home", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as nowhere:
        home = Home(options.home or Path(nowhere))
        if not home.exists:
            begun(home.directory)
        with Session(home) as session:
            kubeflow.run(session, 1)
        load = os.getloadavg()[0]
        runs = [measure(home) for _ in range(options.runs)]
    medians = {clock: round(median(run[clock] for run in runs), 3) for clock in ("wall", "cpu")}
    print(json.dumps({"runs": runs, "median_per_task": medians, "load_before": load}, indent=2))


if __name__ == "__main__":
    main()
