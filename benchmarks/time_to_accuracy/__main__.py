"""How long Cladeflow takes to get as far as TRL gets in ten minutes, from the same model and tasks.

    python -m benchmarks.time_to_accuracy --seconds 600 --pairs 5

First every setting of TRL's side runs once, with a seed of its own and a part of the time; the best
one is kept. Then the two sides take turns, one thread each: TRL trains for so many CPU seconds, and
``cladeflow evolve default`` runs until its champion is as accurate on the same held-out tasks. Ours
is charged with everything: starting processes, evaluations, gates, tracking. Finished runs are
skipped, so the same command carries on. Prints JSON.
"""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.evolutions import results
from benchmarks.evolutions.measure import measure
from benchmarks.evolutions.runs import timed_process
from benchmarks.time_to_accuracy.peer import SETTINGS
from cladeflow.environments import Reasoning
from cladeflow.home import Home
from cladeflow.start import SEED_MODELS
from cladeflow.store import materialise, seed_ref

TUNING_SEED = 1000
Found = dict[str, Any]


@dataclass(frozen=True)
class Bench:
    """Where runs are, and how long they may take."""

    work: Path
    limit: float
    """CPU seconds after which ours gives up."""

    def peer(self, setting: str, seed: int, seconds: float) -> Found:
        """What TRL reaches in so many CPU seconds."""
        name = f"peer-{setting}-{seed}-{seconds:.0f}"
        return self._once(name, lambda out: self._peer(setting, seed, seconds, out))

    def ours(self, seed: int, target: float) -> Found:
        """How long it takes to reach ``target``, or nothing reached within the limit."""
        return self._once(f"ours-{seed}", lambda home: self._ours(seed, target, home))

    def _once(self, name: str, make: Callable[[Path], Found]) -> Found:
        """A run's result: found, or made from the start, since half a run says nothing of time."""
        path = self.work / f"{name}.json"
        if path.exists():
            found: Found = json.loads(path.read_text())
            return found
        directory = self.work / name
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        before = os.getloadavg()[0]
        found = {**make(directory), "load_before": before, "load_after": os.getloadavg()[0]}
        print(f"{name}: {json.dumps(found)}", file=sys.stderr, flush=True)
        partial = directory / "result"
        partial.write_text(json.dumps(found))
        partial.replace(path)
        shutil.rmtree(directory)
        return found

    def _peer(self, setting: str, seed: int, seconds: float, out: Path) -> Found:
        start = materialise(Home(out).store(), seed_ref(SEED_MODELS[Reasoning.name]))
        module = [sys.executable, "-m", "benchmarks.time_to_accuracy.peer", str(start), str(out)]
        options = ["--setting", setting, "--seed", str(seed), "--seconds", str(seconds)]
        timed_process(f"peer {setting}", [*module, *options], out / "log")
        wall, cpu = map(float, (out / "spent").read_text().split())
        home = out / "evaluated"
        self._evolve(home, seed, 1, "--model", str(out / "model"), "--set", "rounds=[]")
        _, agents = measure(home)
        return {"wall": round(wall, 1), "cpu": round(cpu, 1), "accuracy": _accuracy(agents[0])}

    def _ours(self, seed: int, target: float, home: Path) -> Found:
        wall = cpu = 0.0
        curve: list[tuple[float, float]] = []
        while cpu < self.limit and not (curve and curve[-1][1] >= target):
            spent = self._evolve(home / "home", seed, len(curve) + 1)
            wall, cpu = wall + spent[0], cpu + spent[1]
            _, agents = measure(home / "home")
            curve.append((round(cpu, 1), _accuracy(_champion(agents))))
        reached = curve[-1][1] >= target
        return {"wall": wall, "cpu": cpu, "target": target, "reached": reached, "curve": curve}

    def _evolve(self, home: Path, seed: int, generations: int, *more: str) -> tuple[float, float]:
        command = [sys.executable, "-m", "cladeflow", "evolve", "default", "--home", str(home)]
        options = ["--seed", str(seed), "--generations", str(generations), "--json", *more]
        return timed_process(home.name, [*command, *options], home.with_suffix(".log"))


def _champion(agents: list[results.Agent]) -> results.Agent:
    return next((a for a in reversed(agents) if a["promoted"]), agents[0])


def _accuracy(agent: results.Agent) -> float:
    """Mean over the held-out frontier tasks of (greedy + sampled) / 2."""
    return round(float(np.nanmean(results.scores(agent, "accuracy"))), 4)


def compare(bench: Bench, options: argparse.Namespace) -> Found:
    """Choose TRL's setting, run the pairs, sum up."""
    tried = {n: bench.peer(n, TUNING_SEED, options.tuning_seconds) for n in options.settings}
    best = max(tried, key=lambda name: tried[name]["accuracy"])
    found = [_pair(bench, best, seed, options.seconds) for seed in range(options.pairs)]
    reached = [(peer, ours) for peer, ours in found if ours["reached"]]
    return {
        "seconds": options.seconds,
        "tuning_seconds": options.tuning_seconds,
        "tried": tried,
        "setting": best,
        "pairs": [{"trl": peer, "cladeflow": ours} for peer, ours in found],
        "reached": len(reached),
        "median_wall_ratio": _median([p["wall"] / o["wall"] for p, o in reached]),
        "median_cpu_ratio": _median([p["cpu"] / o["cpu"] for p, o in reached]),
    }


def _pair(bench: Bench, setting: str, seed: int, seconds: float) -> tuple[Found, Found]:
    """TRL sets the target, so it goes first."""
    peer = bench.peer(setting, seed, seconds)
    return peer, bench.ours(seed, peer["accuracy"])


def _median(ratios: list[float]) -> float | None:
    return round(median(ratios), 2) if ratios else None


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=600, help="TRL's CPU time")
    parser.add_argument("--tuning-seconds", type=float, default=240, help="of every setting")
    parser.add_argument("--limit", type=float, help="ours gives up after; three times TRL's")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--work", type=Path, default=Path("runs/time_to_accuracy"))
    options = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    bench = Bench(options.work.resolve(), options.limit or 3 * options.seconds)
    print(json.dumps(compare(bench, options), indent=2))


if __name__ == "__main__":
    main()
