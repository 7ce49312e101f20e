"""Is the policy still exploring? Read from the rollouts that it was trained on."""

from collections import defaultdict
from collections.abc import Sequence
from math import isnan
from statistics import fmean
from typing import NamedTuple

from pydantic import Field

from cladeflow.evaluate.base import EvalContext, Evaluation, ReportParts
from cladeflow.evaluate.scores import DECIMALS
from cladeflow.evaluate.statistics import pass_at_k
from cladeflow.evaluate.suite import correctness
from cladeflow.records import Trajectory, Verdict


class ExplorationMonitor(Evaluation, name="exploration_monitor", version=1):
    """Diversity and signal of the generation's rollouts, in groups (samples of one task).

    - ``entropy``: mean of -log p over sampled tokens, nats; unbiased for the policy's token
      entropy at the sampling temperature.
    - ``distinct_correct``: different correct solutions (by text) per group.
    - ``pass@k_gain``: pass@k - pass@1 over groups of at least k, what more samples would find.
    - ``duplicates``: share of trajectories that repeat the text of an earlier one of their group.
    - ``all_right``, ``all_wrong``: share of groups (of at least 2) whose verdicts all agree; they
      carry no preference and no group advantage.
    - ``positive_rate``: share of trajectories that are right.

    Trajectories whose check failed count only for entropy and duplicates; a measure without
    anything to measure is left out. Source: B-STaR (arXiv 2412.17256).
    """

    k: int = Field(default=4, gt=0)

    def provided(self) -> frozenset[str]:
        """The measures that guardrails can hold on to."""
        measures = ("entropy", "distinct_correct", f"pass@{self.k}_gain", "positive_rate")
        return frozenset(f"exploration:{measure}" for measure in measures)

    def report(self, ctx: EvalContext) -> ReportParts:
        """The measures as the report's ``exploration``."""
        return ReportParts(exploration=self.measure(ctx.trajectories, ctx.verdicts))

    def measure(
        self, trajectories: Sequence[Trajectory], verdicts: Sequence[Verdict]
    ) -> dict[str, float]:
        """The measures of some rollouts, by name."""
        groups = _groups(trajectories, verdicts)
        several = [group for group in groups if len(group.right) > 1]
        large = [group for group in groups if len(group.right) >= self.k]
        measures: dict[str, list[float]] = {
            "entropy": [-p for t in trajectories for s in t.steps for p in s.logp or ()],
            "distinct_correct": [len(group.correct) for group in groups],
            f"pass@{self.k}_gain": [self._gain(group.right) for group in large],
            "duplicates": [repeat for group in groups for repeat in _repeats(group.texts)],
            "all_right": [all(group.right) for group in several],
            "all_wrong": [not any(group.right) for group in several],
            "positive_rate": [right for group in groups for right in group.right],
        }
        return {name: round(fmean(found), DECIMALS) for name, found in measures.items() if found}

    def _gain(self, right: Sequence[bool]) -> float:
        n, c = len(right), sum(right)
        return pass_at_k(n, c, self.k) - c / n


class _Group(NamedTuple):
    texts: list[str]
    right: list[bool]
    """Of the checked trajectories."""
    correct: set[str]
    """Texts of the right ones."""


def _groups(trajectories: Sequence[Trajectory], verdicts: Sequence[Verdict]) -> list[_Group]:
    judged = {v.target.id: v for v in verdicts if v.target.kind == "traj"}
    groups: dict[str, _Group] = defaultdict(lambda: _Group([], [], set()))
    for trajectory in trajectories:
        group, text = groups[trajectory.group], trajectory.text
        group.texts.append(text)
        mark = correctness(judged.get(trajectory.id))
        if not isnan(mark):
            group.right.append(mark == 1)
        if mark == 1:
            group.correct.add(text)
    return list(groups.values())


def _repeats(texts: Sequence[str]) -> list[bool]:
    return [text in texts[:i] for i, text in enumerate(texts)]
