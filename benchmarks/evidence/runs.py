"""What a run of an arm is, and what it is matched to."""

from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.evidence.arms import ARMS, BASELINE, budget
from benchmarks.evolutions.results import Result
from benchmarks.evolutions.runs import Bench, Trial


class Run(NamedTuple):
    """One seed of one arm."""

    arm: str
    seed: int

    def __str__(self) -> str:
        return f"{self.arm}-{self.seed}"


@dataclass(frozen=True)
class Comparison:
    """All arms, each for so many generations."""

    bench: Bench
    generations: int
    settings: tuple[str, ...]
    """Changes to every arm, for a trial of the benchmark itself."""

    def result(self, run: Run) -> Result | None:
        """The result of a finished run of exactly this composition and model, if there is one."""
        return self.bench.result(self._trial(run))

    def perform(self, run: Run) -> Result:
        """The run's result: found or made now."""
        return self.bench.perform(self._trial(run))

    def _trial(self, run: Run) -> Trial:
        arm, default = ARMS[run.arm], self.bench.resolve(BASELINE, self.settings)
        settings = [*self.settings, *arm.settings(default)]
        if arm.matched:
            settings.append(budget(default, self._trained(run.seed)))
        return Trial(run.arm, run.seed, BASELINE, tuple(settings), self.generations)

    def _trained(self, seed: int) -> list[int]:
        """Loss tokens of every generation of the default run with that seed."""
        baseline = self.perform(Run(BASELINE, seed))
        return [agent["trained_tokens"] for agent in baseline["agents"][1:]]
