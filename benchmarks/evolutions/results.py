"""Results of finished runs, and the intervals over their seeds."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple, NotRequired, TypedDict

import numpy as np

from cladeflow.evaluate.statistics import (
    Floats,
    Interval,
    hierarchical_bootstrap,
    paired_t_interval,
)


class Agent(TypedDict):
    """The initial agent of a run, or the child of one of its generations."""

    generation: int
    outcome: str
    promoted: bool
    sampled_tokens: int
    trained_tokens: int
    """Loss tokens, every epoch counted."""
    pass_at_k: float | None
    exploration: dict[str, float]
    scores: dict[str, list[float | None]]
    """By metric, one per task; None where no check came to a verdict."""


class Result(TypedDict):
    """What is kept of a finished run."""

    arm: str
    seed: int
    identity: dict[str, str | int]
    """Digests of composition and model, and the number of generations."""
    settings: list[str]
    seconds: NotRequired[float]
    """Wall time; absent, like the next, where the run was interrupted and resumed."""
    cpu_seconds: NotRequired[float]
    """CPU time of all processes of the run."""
    tasks: str
    """Digest of the suites."""
    agents: list[Agent]
    """Oldest first."""


Pick = Callable[[Result], Agent]
LEAST_SEEDS = 2
"""Below this there is no interval."""


def load(work: Path) -> dict[str, list[Result]]:
    """Results by arm, seeds in order."""
    found: dict[str, list[Result]] = {}
    for path in (work / "results").glob("*.json"):
        result: Result = json.loads(path.read_text())
        found.setdefault(result["arm"], []).append(result)
    return {arm: sorted(found[arm], key=lambda r: r["seed"]) for arm in sorted(found)}


def initial(result: Result) -> Agent:
    """The agent that the run started from."""
    return result["agents"][0]


def champion(result: Result) -> Agent:
    """The agent promoted last, the initial one where none was."""
    agents = result["agents"]
    return next((a for a in reversed(agents) if a["promoted"]), agents[0])


def last(result: Result) -> Agent:
    """The child of the last generation, promoted or not."""
    return result["agents"][-1]


def best(metric: str) -> Pick:
    """The agent that scores highest on the very tasks that are reported: flattering, by choice."""

    def pick(result: Result) -> Agent:
        return max(result["agents"], key=lambda a: float(np.nanmean(scores(a, metric))))

    return pick


def scores(agent: Agent, metric: str) -> Floats:
    """[T] scores by task; nan where no check came to a verdict.

    Beside the metrics that a result holds there is ``accuracy`` = (greedy + sampled) / 2.
    """
    if metric == "accuracy":
        return (scores(agent, "greedy") + scores(agent, "sampled")) / 2
    return np.array(agent["scores"][metric], dtype=np.float64)


def mean(results: Sequence[Result], pick: Pick, metric: str) -> float:
    """Mean over runs of the mean over tasks."""
    return float(np.mean([np.nanmean(scores(pick(result), metric)) for result in results]))


class Difference(NamedTuple):
    """Paired differences between two agents per seed, over tasks that both have a score on."""

    by_seed: list[float]
    bootstrap: Interval
    """Hierarchical, over seeds and then tasks."""
    t: Interval
    """Student's, over the per-seed means."""

    @property
    def median(self) -> float:
        """Over seeds."""
        return median(self.by_seed)

    @property
    def least(self) -> float:
        """The lower of the two lower bounds."""
        return min(self.bootstrap.lo, self.t.lo)


def difference(pairs: Sequence[tuple[Agent, Agent]], metric: str, key: str) -> Difference | None:
    """Second minus first of every pair; None with fewer than `LEAST_SEEDS` pairs.

    ``key`` seeds the resampling, together with the metric.
    """
    if len(pairs) < LEAST_SEEDS:
        return None
    apart = [scores(after, metric) - scores(before, metric) for before, after in pairs]
    apart = [found[~np.isnan(found)] for found in apart]
    by_seed = [float(found.mean()) for found in apart]
    return Difference(
        by_seed,
        hierarchical_bootstrap(apart, key=f"{key}/{metric}"),
        paired_t_interval(by_seed),
    )


def matched(
    first: Sequence[Result], second: Sequence[Result], pick_first: Pick, pick_second: Pick
) -> list[tuple[Agent, Agent]]:
    """Agents of the runs with equal seeds; their tasks must be the same ones."""
    by_seed = {result["seed"]: result for result in second}
    pairs = [(r, by_seed[r["seed"]]) for r in first if r["seed"] in by_seed]
    assert all(a["tasks"] == b["tasks"] for a, b in pairs), "runs on different tasks"
    return [(pick_first(a), pick_second(b)) for a, b in pairs]
