"""One evolution in a process and a home of its own, and what is kept of it."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

from benchmarks.evolutions.measure import measure
from benchmarks.evolutions.results import Result
from cladeflow.models.binding import initial_ref
from cladeflow.recipes import Resolved, resolve
from cladeflow.start import SEED_MODELS
from cladeflow.store import ref_digest

R = TypeVar("R")


class RunFailed(Exception):
    """A run that ended with an error; the message says where its log is."""


class Trial(NamedTuple):
    """One seed of one arm, and what it runs."""

    arm: str
    seed: int
    recipe: str
    settings: tuple[str, ...]
    """As they are given to ``cladeflow evolve --set``."""
    generations: int

    def __str__(self) -> str:
        return f"{self.arm}-{self.seed}"


@dataclass(frozen=True)
class Bench:
    """What all runs have in common, and where their results are."""

    work: Path
    model: Path | None
    """None: the embedded seed model."""
    scale: str
    keep: bool
    """Whether homes outlive their result."""

    def resolve(self, recipe: str, settings: Iterable[str]) -> Resolved:
        """The composition that a run plans."""
        return resolve(recipe, scale=self.scale, settings=[*settings, "scale.dtype=float32"])

    def result(self, trial: Trial) -> Result | None:
        """The result of a finished run of exactly this composition and model, if there is one."""
        path = self._result_path(trial)
        if not path.exists():
            return None
        found: Result = json.loads(path.read_text())
        return found if found["identity"] == self.identity(trial) else None

    def perform(self, trial: Trial) -> Result:
        """The run's result: found, or made now, resuming what an interrupted attempt left."""
        done = self.result(trial)
        if done is not None:
            return done
        identity = self.identity(trial)
        home = self.work / "homes" / f"{trial}-{str(identity['recipe'])[:8]}"
        resumed = home.exists()
        spent = self._evolve(trial, home)
        tasks, agents = measure(home)
        result: Result = {
            "arm": trial.arm,
            "seed": trial.seed,
            "identity": identity,
            "settings": list(trial.settings),
            "tasks": tasks,
            "agents": agents,
        }
        if not resumed:
            result["seconds"], result["cpu_seconds"] = spent
        self._result_path(trial).parent.mkdir(parents=True, exist_ok=True)
        partial = home.with_suffix(".json")
        partial.write_text(json.dumps(result))
        partial.replace(self._result_path(trial))
        if not self.keep:
            shutil.rmtree(home)
        return result

    def identity(self, trial: Trial) -> dict[str, str | int]:
        """Digests of composition and model, and the number of generations."""
        resolved = self.resolve(trial.recipe, trial.settings)
        ref = initial_ref(self.model, SEED_MODELS[resolved.recipe.environments[0].name])
        return {
            "recipe": resolved.hash,
            "model": ref_digest(ref),
            "generations": trial.generations,
        }

    def _evolve(self, trial: Trial, home: Path) -> tuple[float, float]:
        """Run the command; wall time, and CPU time of its processes together, in seconds."""
        home.mkdir(parents=True, exist_ok=True)
        return timed_process(str(trial), self._command(trial, home), home.with_suffix(".log"))

    def _command(self, trial: Trial, home: Path) -> list[str]:
        return [
            *(sys.executable, "-m", "cladeflow", "evolve", trial.recipe, "--home", str(home)),
            *("--generations", str(trial.generations), "--seed", str(trial.seed)),
            *("--scale", self.scale, "--deterministic", "--json"),
            *(("--model", str(self.model)) if self.model else ()),
            *(part for setting in trial.settings for part in ("--set", setting)),
        ]

    def _result_path(self, trial: Trial) -> Path:
        return self.work / "results" / f"{trial}.json"


def timed_process(name: str, command: Sequence[str], log: Path) -> tuple[float, float]:
    """Run a command; wall time, and CPU time of its processes together, in seconds.

    Raises `RunFailed`, and leaves ``log``, where it ends with an error.
    """
    began = time.perf_counter()
    with log.open("w") as errors:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RunFailed(f"{name} ended with status {process.returncode}: see {log}")
    log.unlink()
    seconds = time.perf_counter() - began
    return round(seconds, 1), round(usage.ru_utime + usage.ru_stime, 1)


def perform_all(runs: Iterable[R], jobs: int, perform: Callable[[R], str]) -> int:
    """Perform ``runs``, ``jobs`` at a time with one thread each; how many failed.

    ``perform`` says in a sentence how a run went, which is printed.
    """
    os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}

    def told(run: R) -> bool:
        try:
            print(perform(run), flush=True)
        except RunFailed as error:
            print(error, flush=True)
            return True
        return False

    with ThreadPoolExecutor(jobs) as pool:
        return sum(pool.map(told, runs))
