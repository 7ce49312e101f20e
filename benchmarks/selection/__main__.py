"""Which parent selection finds the best agent with the same number of evaluations?

    python -m benchmarks.selection --seeds 48

Searches simulated landscapes (`landscape.py`) with every selection and prints, as Markdown for
docs/selection.md, the true chance of the agent that each ends with, the differences to ``best``,
and whether the claims hold. Everything is keyed: the same command prints the same tables.
"""

import argparse
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from benchmarks.selection.landscape import Landscape
from benchmarks.selection.search import Search, by_generations, task_by_task
from cladeflow.archive import Best, BestOfN, CladeThompson, DgmSampling, Latest, Random
from cladeflow.evaluate.statistics import Floats, Interval, paired_t_interval

Arm = Callable[[Landscape, int, int, str], Search]
ARMS: dict[str, Arm] = {
    "best": partial(by_generations, Best()),
    "latest": partial(by_generations, Latest()),
    "dgm_sampling": partial(by_generations, DgmSampling()),
    "dgm_sampling, top 3, cubic": partial(
        by_generations, DgmSampling(midpoint="top3_mean", novelty="cubic_exp")
    ),
    "dgm_sampling, median": partial(by_generations, DgmSampling(midpoint="median")),
    "clade_thompson": partial(by_generations, CladeThompson()),
    "clade_thompson, task by task": partial(task_by_task, CladeThompson()),
    "random": partial(by_generations, Random()),
    "best_of_n": partial(by_generations, BestOfN()),
}
MISMATCHES = (0.0, 0.5, 1.0)
TASKS_PER_AGENT = 60
"""What an agent can be tried on at most; only task by task goes beyond a child's share."""


class Claim(NamedTuple):
    """Written down before the first run: one arm's outcome less another's, at a mismatch."""

    arm: str
    over: str
    mismatch: float


CLAIMS = (
    Claim("best", "best_of_n", 0.0),
    Claim("dgm_sampling", "random", 0.0),
    Claim("clade_thompson", "best", 1.0),
    Claim("clade_thompson, task by task", "best", 1.0),
    Claim("clade_thompson", "dgm_sampling", 1.0),
)


def outcomes(seeds: int, mismatch: float, budget: int, tasks: int) -> dict[str, Floats]:
    """Arm → [seeds] true chance of the agent that it ends with."""
    found: dict[str, list[float]] = {name: [] for name in ARMS}
    for seed in range(seeds):
        for name, search in ARMS.items():
            landscape = Landscape(seed, mismatch, TASKS_PER_AGENT)
            key = f"{name}/{seed}/{mismatch}"
            found[name].append(search(landscape, budget, tasks, key).outcome())
    return {name: np.array(values) for name, values in found.items()}


def table(found: dict[float, dict[str, Floats]]) -> list[str]:
    """Means, and paired differences to ``best``, per mismatch."""
    levels = [f"mismatch {level:g} | less `best`" for level in found]
    lines = [f"| selection | {' | '.join(levels)} |", "|---|" + "---|" * (2 * len(found))]
    for name in ARMS:
        cells = [f"`{name}`"]
        for arms in found.values():
            cells.append(f"{100 * arms[name].mean():.1f}")
            less = paired_t_interval(arms[name] - arms["best"])
            cells.append("-" if name == "best" else _points(less))
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def judged(found: dict[float, dict[str, Floats]]) -> list[str]:
    """Every claim with the interval that decides it."""
    lines = ["| claim | difference | holds |", "|---|---|---|"]
    for claim in CLAIMS:
        arms = found[claim.mismatch]
        interval = paired_t_interval(arms[claim.arm] - arms[claim.over])
        text = f"at mismatch {claim.mismatch:g}, `{claim.arm}` is above `{claim.over}`"
        lines.append(f"| {text} | {_points(interval)} | {'yes' if interval.lo > 0 else 'no'} |")
    return lines


def _points(interval: Interval) -> str:
    value, lo, hi, _ = interval
    return f"{100 * value:+.1f} ({100 * lo:+.1f} to {100 * hi:+.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=48)
    parser.add_argument("--budget", type=int, default=600)
    parser.add_argument("--tasks", type=int, default=15, help="Per child, where all get as many.")
    asked = parser.parse_args()
    found = {level: outcomes(asked.seeds, level, asked.budget, asked.tasks) for level in MISMATCHES}
    for lines in (table(found), judged(found)):
        print("\n".join(lines), end="\n\n")


if __name__ == "__main__":
    main()
