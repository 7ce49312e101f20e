"""Held-out accuracy at the frontier, greedy and sampled, with paired intervals."""

from collections.abc import Mapping
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from cladeflow.environments.base import Environment
from cladeflow.evaluate.base import EvalContext, Evaluation, ReportParts, Setting
from cladeflow.evaluate.profile import MEASURES, profile_deltas
from cladeflow.evaluate.scores import Scores
from cladeflow.evaluate.statistics import Floats
from cladeflow.evaluate.suite import Cell, Suite, SuiteResult, spread
from cladeflow.records import Split

DIFFERENCES = ("accuracy", "greedy", "sampled", "tokens")
"""Metrics with a paired difference to the incumbent."""


class BenchmarkSuite(Evaluation, name="benchmark_suite", version=3):
    """Answers every task once greedily and ``samples`` times at ``temperature``.

    Metrics, each a mean over tasks:

    - ``greedy``: correctness of the greedy answer.
    - ``sampled``: pass@1, mean correctness of the samples.
    - ``accuracy`` = (greedy + sampled) / 2, what gates decide on: neither a sharper mode nor a
      better tail alone passes for a better agent.
    - ``pass@k`` = 1 - C(n - c, k) / C(n, k) (Chen et al. 2021), ``maj@k`` (Wang et al. 2022).
    - ``parse_rate``: share of all answers that parse; ``tokens``: generated per sample;
      ``unchecked``: share of answers whose check failed or timed out. Those are left out of the
      metrics above, so a gate has to bound their share.

    Deltas are of accuracy, greedy, sampled and tokens, over all tasks and per family, and of the
    profile of accuracy over families: ``worst_decile``, ``median_family``, ``mean_family``
    (`evaluate/profile.py`).
    """

    suite: str = "frontier"
    """Name of the suite in reports."""
    tasks: int = Field(default=400, gt=0)
    """Tasks per environment, split evenly over its cells."""
    samples: int = Field(default=4, gt=0)
    k: int = Field(default=4, gt=0)
    temperature: float = Field(default=0.7, gt=0)
    split: Split = "heldout"
    cells: dict[str, dict[int, int]] | None = None
    """Family → level → number of tasks; by default the levels that the environment calls its
    frontier (all of its levels where it does not say)."""

    @model_validator(mode="after")
    def _enough_samples(self) -> Self:
        if self.k > self.samples:
            raise ValueError(f"pass@{self.k} needs samples >= {self.k}, not {self.samples}")
        return self

    def suites(self, setting: Setting) -> list[Suite]:
        """A greedy and a sampled suite per environment, on the same tasks."""
        return [
            setting.suite(
                env,
                f"{self.suite}.{mode}",
                split=self.split,
                cells=self._cells(env),
                samples=samples,
                temperature=temperature,
            )
            for env in setting.environments
            for mode, samples, temperature in (
                ("greedy", 1, 0.0),
                ("sampled", self.samples, self.temperature),
            )
        ]

    def report(self, ctx: EvalContext) -> ReportParts:
        """Rows and deltas per metric and family, and deltas of the profile over families."""
        subject, baseline = self._scores(ctx, ctx.subject), self._scores(ctx, ctx.baseline)
        deltas = subject.deltas(baseline, DIFFERENCES, confidence=ctx.confidence)
        profile = profile_deltas(
            subject, baseline, "accuracy", confidence=ctx.confidence, key=ctx.key
        )
        return ReportParts(
            rows=subject.rows(),
            deltas=(*deltas, *profile),
            gaps=subject.gaps(baseline, DIFFERENCES),
        )

    def provided(self) -> frozenset[str]:
        """The differences that gates can decide on."""
        measured = {f"delta:{self.suite}/{metric}" for metric in (*DIFFERENCES, *MEASURES)}
        return frozenset({*measured, f"binary:{self.suite}/greedy"})

    def _name(self, env: Environment, mode: str) -> str:
        return f"{env.name}.{self.suite}.{mode}"

    def _cells(self, env: Environment) -> tuple[Cell, ...]:
        if self.cells is None:
            return spread(self.tasks, env.frontier or env.levels)
        return tuple(
            Cell(family, level, n)
            for family, levels in self.cells.items()
            if family in env.families
            for level, n in levels.items()
        )

    def _scores(self, ctx: EvalContext, results: Mapping[str, SuiteResult]) -> Scores:
        envs = ctx.setting.environments
        greedy = [results[self._name(env, "greedy")] for env in envs]
        sampled = [results[self._name(env, "sampled")] for env in envs]
        measured = [self._measure(g, s) for g, s in zip(greedy, sampled, strict=True)]
        return Scores.of(
            self.suite,
            sampled,
            {metric: [one[metric] for one in measured] for metric in measured[0]},
            unbounded=frozenset({"tokens"}),
            binary=frozenset({"greedy"}),
        )

    def _measure(self, greedy: SuiteResult, sampled: SuiteResult) -> dict[str, Floats]:
        """Metric → [T]."""
        parsed = np.hstack([greedy.parsed, sampled.parsed])
        tokens = np.hstack([greedy.tokens, sampled.tokens])
        checked = np.hstack([greedy.checked, sampled.checked])
        return {
            "accuracy": (greedy.accuracy() + sampled.accuracy()) / 2,
            "greedy": greedy.accuracy(),
            "sampled": sampled.accuracy(),
            f"pass@{self.k}": sampled.pass_at(self.k),
            f"maj@{self.k}": sampled.majority_at(self.k),
            "parse_rate": parsed.mean(axis=1),
            "tokens": tokens.mean(axis=1),
            "unchecked": 1 - checked.mean(axis=1),
        }
