"""Kill runs at random moments with SIGKILL; what they resume to must equal an undisturbed run.

    python benchmarks/crash.py --kills 50

Prints a JSON report; exits with 1 where a resumed run differs.
"""

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.fingerprint import fingerprint

MICRO = [
    "scale.tasks=24",
    "scale.samples=2",
    "scale.shard=12",
    "scale.training.checkpoint_every=2",
    "evaluate.benchmark_suite.tasks=18",
    "evaluate.transfer_retention.tasks=12",
]
"""Settings of a run of seconds that still passes every stage."""


def command(home: Path, runner: str, generations: int) -> list[str]:
    """The run that is killed and resumed."""
    settings = [part for setting in MICRO for part in ("--set", setting)]
    return [
        *(sys.executable, "-m", "cladeflow", "evolve", "default", "--home", str(home)),
        *("--generations", str(generations), "--runner", runner, "--deterministic", "--json"),
        *settings,
    ]


def run(home: Path, runner: str, generations: int, kill_after: float | None = None) -> bool:
    """Whether the run came to its end; all its processes are killed after ``kill_after`` s."""
    process = subprocess.Popen(
        command(home, runner, generations),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        _, errors = process.communicate(timeout=kill_after)
    except subprocess.TimeoutExpired:
        subprocess.run(["pkill", "-KILL", "-s", str(process.pid)], check=False)
        process.wait()
        return False
    if process.returncode:
        raise SystemExit(f"the run failed:\n{errors.decode()}")
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--generations", type=int, default=2)
    parser.add_argument("--runner", default="inline")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    report = crash(arguments.kills, arguments.generations, arguments.runner, arguments.seed)
    print(json.dumps(report, indent=2))
    sys.exit(bool(report["different"]))


def crash(kills: int, generations: int, runner: str, seed: int) -> dict[str, Any]:
    """Kill until there were so many kills, comparing every run that came to its end."""
    rng, root = random.Random(seed), Path(tempfile.mkdtemp(prefix="crash-"))
    began = time.perf_counter()
    run(root / "undisturbed", runner, generations)
    seconds = time.perf_counter() - began
    expected = fingerprint(root / "undisturbed")
    done, runs, different, attempt = 0, 0, [], 0
    while done < kills:
        attempt += 1
        home = root / f"killed-{attempt}"
        while not run(home, runner, generations, kill_after=rng.uniform(0.2, seconds)):
            done += 1
            if done >= kills:
                run(home, runner, generations)
                break
        runs += 1
        found = fingerprint(home)
        different += [f"{home.name}: {part}" for part in found if found[part] != expected[part]]
        shutil.rmtree(home)
    shutil.rmtree(root)
    return {
        "kills": done,
        "runs": runs,
        "undisturbed_seconds": round(seconds, 1),
        "commits": len(expected["commits"]),
        "different": different,
    }


if __name__ == "__main__":
    main()
