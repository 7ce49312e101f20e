"""One run of one arm in a process and a home of its own, and what is kept of it."""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from benchmarks.evidence.arms import ARMS, BASELINE, budget
from benchmarks.evidence.measure import measure
from benchmarks.evidence.results import Result
from cladeflow.models.binding import initial_ref
from cladeflow.recipes import Resolved, resolve
from cladeflow.start import SEED_MODELS
from cladeflow.store import ref_digest


class RunFailed(Exception):
    """A run that ended with an error; the message says where its log is."""


class Run(NamedTuple):
    """One seed of one arm."""

    arm: str
    seed: int

    def __str__(self) -> str:
        return f"{self.arm}-{self.seed}"


@dataclass(frozen=True)
class Bench:
    """What all runs have in common, and where their results are."""

    work: Path
    generations: int
    model: Path | None
    """None: the embedded seed model."""
    scale: str
    settings: tuple[str, ...]
    """Changes to every arm, for a trial of the benchmark itself."""
    keep: bool
    """Whether homes outlive their result."""

    def result(self, run: Run) -> Result | None:
        """The result of a finished run of exactly this composition and model, if there is one."""
        path = self._result_path(run)
        if not path.exists():
            return None
        found: Result = json.loads(path.read_text())
        same = found["identity"] == self._identity(self._resolve(self._settings(run)))
        return found if same else None

    def perform(self, run: Run) -> Result:
        """The run's result: found, or made now, resuming what an interrupted attempt left."""
        done = self.result(run)
        if done is not None:
            return done
        settings = self._settings(run)
        resolved = self._resolve(settings)
        home = self.work / "homes" / f"{run}-{resolved.hash[:8]}"
        resumed = home.exists()
        spent = self._evolve(run, home, settings)
        tasks, agents = measure(home)
        result: Result = {
            "arm": run.arm,
            "seed": run.seed,
            "identity": self._identity(resolved),
            "settings": settings,
            "tasks": tasks,
            "agents": agents,
        }
        if not resumed:
            result["seconds"], result["cpu_seconds"] = spent
        self._result_path(run).parent.mkdir(parents=True, exist_ok=True)
        partial = home.with_suffix(".json")
        partial.write_text(json.dumps(result))
        partial.replace(self._result_path(run))
        if not self.keep:
            shutil.rmtree(home)
        return result

    def _settings(self, run: Run) -> list[str]:
        arm, default = ARMS[run.arm], self._resolve(list(self.settings))
        settings = [*self.settings, *arm.settings(default)]
        if arm.matched:
            settings.append(budget(default, self._trained(run.seed)))
        return settings

    def _trained(self, seed: int) -> list[int]:
        """Loss tokens of every generation of the default run with that seed."""
        baseline = self.perform(Run(BASELINE, seed))
        return [agent["trained_tokens"] for agent in baseline["agents"][1:]]

    def _resolve(self, settings: list[str]) -> Resolved:
        return resolve(BASELINE, scale=self.scale, settings=[*settings, "scale.dtype=float32"])

    def _identity(self, resolved: Resolved) -> dict[str, str | int]:
        ref = initial_ref(self.model, SEED_MODELS[resolved.recipe.environments[0].name])
        return {
            "recipe": resolved.hash,
            "model": ref_digest(ref),
            "generations": self.generations,
        }

    def _evolve(self, run: Run, home: Path, settings: list[str]) -> tuple[float, float]:
        """Run the command; wall time, and CPU time of its processes together, in seconds."""
        home.mkdir(parents=True, exist_ok=True)
        log = home.with_suffix(".log")
        began = time.perf_counter()
        with log.open("w") as errors:
            process = subprocess.Popen(
                self._command(run, home, settings), stdout=subprocess.DEVNULL, stderr=errors
            )
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RunFailed(f"{run} ended with status {process.returncode}: see {log}")
        log.unlink()
        seconds = time.perf_counter() - began
        return round(seconds, 1), round(usage.ru_utime + usage.ru_stime, 1)

    def _command(self, run: Run, home: Path, settings: list[str]) -> list[str]:
        return [
            *(sys.executable, "-m", "cladeflow", "evolve", BASELINE, "--home", str(home)),
            *("--generations", str(self.generations), "--seed", str(run.seed)),
            *("--scale", self.scale, "--deterministic", "--json"),
            *(("--model", str(self.model)) if self.model else ()),
            *(part for setting in settings for part in ("--set", setting)),
        ]

    def _result_path(self, run: Run) -> Path:
        return self.work / "results" / f"{run}.json"
