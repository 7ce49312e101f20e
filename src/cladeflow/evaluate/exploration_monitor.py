"""Is the policy still exploring? Read from the rollouts that it was trained on."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from math import fsum, isnan
from statistics import fmean
from typing import NamedTuple

from pydantic import Field

from cladeflow.evaluate.base import EvalContext, Evaluation, ReportParts
from cladeflow.evaluate.scores import DECIMALS
from cladeflow.evaluate.statistics import bootstrap_ratio, pass_at_k
from cladeflow.evaluate.suite import correctness
from cladeflow.records import Bounds, Trajectory, Verdict

_UNBOUNDED = frozenset({"entropy", "distinct_correct"})
"""Measures that are no shares between 0 and 1."""


class ExplorationMonitor(Evaluation, name="exploration_monitor", version=3):
    """Diversity and signal of the generation's rollouts, in groups (samples of one task).

    - ``entropy``: mean of -log p over sampled tokens, nats; unbiased for the policy's token
      entropy at the sampling temperature.
    - ``distinct_correct``: different correct solutions (by text) per group.
    - ``pass@k_gain``: pass@k - pass@1 over groups of at least k, what more samples would find.
    - ``duplicates``: share of trajectories that repeat the text of an earlier one of their group.
    - ``all_right``, ``all_wrong``: share of groups (of at least 2) whose verdicts all agree; they
      carry no preference and no group advantage.
    - ``positive_rate``: share of trajectories that are right.

    Each comes with its 95 % bootstrap interval over groups, which are drawn whole, where two or
    more have something to measure. Trajectories whose check failed count only for entropy and
    duplicates; a measure without anything to measure is left out. Source: B-STaR
    (arXiv 2412.17256).
    """

    k: int = Field(default=4, gt=0)

    def provided(self) -> frozenset[str]:
        """The measures that guardrails can hold on to."""
        measures = ("entropy", "distinct_correct", f"pass@{self.k}_gain", "positive_rate")
        return frozenset(f"exploration:{measure}" for measure in measures)

    def report(self, ctx: EvalContext) -> ReportParts:
        """The measures as the report's ``exploration``, with their bounds."""
        found = self._values(_groups(ctx.trajectories, ctx.verdicts))
        return ReportParts(
            exploration=_means(found), exploration_bounds=dict(_bounds(found, ctx.key))
        )

    def measure(
        self, trajectories: Sequence[Trajectory], verdicts: Sequence[Verdict]
    ) -> dict[str, float]:
        """The measures of some rollouts, by name."""
        return _means(self._values(_groups(trajectories, verdicts)))

    def _values(self, groups: Sequence["_Group"]) -> dict[str, list[Sequence[float]]]:
        """What each measure is the mean of, group by group."""
        several = [group for group in groups if len(group.right) > 1]
        large = [group for group in groups if len(group.right) >= self.k]
        return {
            "entropy": [group.surprise for group in groups],
            "distinct_correct": [[len(group.correct)] for group in groups],
            f"pass@{self.k}_gain": [[self._gain(group.right)] for group in large],
            "duplicates": [_repeats(group.texts) for group in groups],
            "all_right": [[all(group.right)] for group in several],
            "all_wrong": [[not any(group.right)] for group in several],
            "positive_rate": [group.right for group in groups],
        }

    def _gain(self, right: Sequence[bool]) -> float:
        n, c = len(right), sum(right)
        return pass_at_k(n, c, self.k) - c / n


def _means(values: Mapping[str, Sequence[Sequence[float]]]) -> dict[str, float]:
    """The mean of each measure over all that there is of it."""
    flat = {name: list(chain.from_iterable(groups)) for name, groups in values.items()}
    return {name: round(fmean(found), DECIMALS) for name, found in flat.items() if found}


def _bounds(
    values: Mapping[str, Sequence[Sequence[float]]], key: str
) -> Iterator[tuple[str, Bounds]]:
    """The interval of each measure that several groups have a part in."""
    for name, groups in values.items():
        found = [group for group in groups if group]
        if len(found) > 1:
            totals, counts = [fsum(group) for group in found], [len(group) for group in found]
            limits = None if name in _UNBOUNDED else (0.0, 1.0)
            at = f"{key}/exploration/{name}"
            _, lo, hi, n = bootstrap_ratio(totals, counts, key=at, bounds=limits)
            yield name, Bounds(lo=round(lo, DECIMALS), hi=round(hi, DECIMALS), n=n)


class _Group(NamedTuple):
    surprise: list[float]
    """-log p of every sampled token, nats."""
    texts: list[str]
    right: list[bool]
    """Of the checked trajectories."""
    correct: set[str]
    """Texts of the right ones."""


def _groups(trajectories: Sequence[Trajectory], verdicts: Sequence[Verdict]) -> list[_Group]:
    judged = {v.target.id: v for v in verdicts if v.target.kind == "traj"}
    groups: dict[str, _Group] = defaultdict(lambda: _Group([], [], [], set()))
    for trajectory in trajectories:
        group, text = groups[trajectory.group], trajectory.text
        group.surprise.extend(-p for step in trajectory.steps for p in step.logp or ())
        group.texts.append(text)
        mark = correctness(judged.get(trajectory.id))
        if not isnan(mark):
            group.right.append(mark == 1)
        if mark == 1:
            group.correct.add(text)
    return list(groups.values())


def _repeats(texts: Sequence[str]) -> list[bool]:
    return [text in texts[:i] for i, text in enumerate(texts)]
