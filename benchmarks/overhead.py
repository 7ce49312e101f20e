"""How much of an inline run is not model compute: process start, records, store, checks, archive.

    python benchmarks/overhead.py --runs 3

Runs ``cladeflow evolve default`` in fresh homes and compares its wall time with the seconds that
its stages spent inside models (``cladeflow_stage_model_seconds``). Prints JSON.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from cladeflow.home import Home
from cladeflow.session import Session
from cladeflow.views import stage_views


def measure(generations: int, options: list[str]) -> dict[str, float]:
    """One run in a fresh home."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "cladeflow", "evolve", "default", "--home", directory]
        began = time.perf_counter()
        subprocess.run(
            [*command, "--generations", str(generations), "--json", *options],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        wall = time.perf_counter() - began
        with Session(Home(Path(directory))) as session:
            stages = [s for g in range(1, generations + 1) for s in stage_views(session, g)]
        model = sum(s.metrics.value("cladeflow_stage_model_seconds") for s in stages)
    return {"wall": wall, "model": model, "outside": 1 - model / wall}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--generations", type=int, default=5)
    arguments, options = parser.parse_known_args()
    load = os.getloadavg()[0]
    runs = [measure(arguments.generations, options) for _ in range(arguments.runs)]
    share = median(run["outside"] for run in runs)
    print(json.dumps({"runs": runs, "median_outside": share, "load_before": load}, indent=2))


if __name__ == "__main__":
    main()
