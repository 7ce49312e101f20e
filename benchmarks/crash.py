"""Kill runs at random moments with SIGKILL; what they resume to must equal an undisturbed run.

    python -m benchmarks.crash --kills 50

Each kill takes the whole tree of processes at once. Prints a JSON report; exits with 1 where a
resumed run differs in a commit, in the archive or in the MLflow registry.
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from benchmarks.fingerprint import fingerprint

SETTINGS = (
    "scale.tasks=24",
    "scale.samples=2",
    "scale.shard=6",
    "scale.training.checkpoint_every=1",
    "scale.training.token_batch=256",
    "evaluate.benchmark_suite.tasks=18",
    "evaluate.transfer_retention.tasks=12",
    "promote=always",
)
"""A run of seconds that passes every stage, and whose champion changes in every generation."""


def command(home: Path, runner: str, generations: int, settings: tuple[str, ...]) -> list[str]:
    """A deterministic run of the default recipe."""
    options = [part for setting in settings for part in ("--set", setting)]
    return [
        *(sys.executable, "-m", "cladeflow", "evolve", "default", "--home", str(home)),
        *("--generations", str(generations), "--runner", runner, "--deterministic", "--json"),
        *options,
    ]


def kill_tree(pid: int) -> None:
    """SIGKILL for a process and all its descendants, none of which can start another meanwhile."""
    root = psutil.Process(pid)
    root.suspend()
    for process in (root, *root.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            process.kill()


def run(arguments: list[str], kill_after: float | None = None) -> bool:
    """Whether a run came to its end; all its processes are killed after ``kill_after`` seconds."""
    process = subprocess.Popen(
        arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        _, errors = process.communicate(timeout=kill_after)
    except subprocess.TimeoutExpired:
        kill_tree(process.pid)
        process.communicate()
        return False
    if process.returncode:
        raise SystemExit(f"the run failed:\n{errors}")
    return True


def crash(kills: int, generations: int, runner: str, seed: int) -> dict[str, Any]:
    """Kill until there were so many kills, comparing every run once it came to its end."""
    rng, root = random.Random(seed), Path(tempfile.mkdtemp(prefix="crash-"))

    def arguments(name: str) -> list[str]:
        return command(root / name, runner, generations, SETTINGS)

    began = time.time()
    run(arguments("undisturbed"))
    seconds = time.time() - began
    work = 1.2 * (_last_commit(root / "undisturbed") - began)
    expected = fingerprint(root / "undisturbed")
    done, runs = 0, 0
    different: list[str] = []
    while done < kills:
        name = f"killed-{runs}"
        while done < kills and not run(arguments(name), kill_after=rng.uniform(0.2, work)):
            done += 1
        run(arguments(name))
        runs += 1
        found = fingerprint(root / name)
        different += [f"{name}: {part}" for part in expected if found[part] != expected[part]]
        shutil.rmtree(root / name)
        print(f"{done} kills, {runs} runs, {len(different)} differences", file=sys.stderr)
    shutil.rmtree(root)
    return {
        "kills": done,
        "runs": runs,
        "different": different,
        "generations": generations,
        "runner": runner,
        "commits": len(expected["commits"]),
        "undisturbed_seconds": round(seconds, 1),
        "seconds": round(time.time() - began, 1),
    }


def _last_commit(home: Path) -> float:
    """When the last commit was made: what follows is waiting for MLflow, on a busy machine long."""
    return max(commit.stat().st_mtime for commit in home.rglob("commit.json"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--generations", type=int, default=2)
    parser.add_argument("--runner", default="inline", choices=["inline", "subprocess"])
    parser.add_argument("--seed", type=int, default=0)
    report = crash(**vars(parser.parse_args()))
    print(json.dumps(report, indent=2))
    sys.exit(bool(report["different"]))


if __name__ == "__main__":
    main()
