"""Per-task scores of one agent, and how they become rows and deltas of a report."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from cladeflow.errors import CladeflowError
from cladeflow.evaluate.statistics import Floats, Interval, bootstrap_mean, paired_bootstrap
from cladeflow.evaluate.suite import SuiteResult
from cladeflow.records import Delta, Gap, ReportRow, Split

ALL = "all"
"""The family of rows over every task of a suite."""
DECIMALS = 6
"""Of every number in a report: more carry no information and differ between machines."""


class _Slice(NamedTuple):
    env: str
    family: str
    at: NDArray[np.bool_]
    """[T] which tasks."""


@dataclass(frozen=True, eq=False)
class Scores:
    """Metrics of one agent on the T tasks of one suite, over one or more environments."""

    suite: str
    split: Split
    budget: int
    tasks: tuple[str, ...]
    envs: NDArray[np.str_]
    families: NDArray[np.str_]
    metrics: Mapping[str, Floats]
    """Metric → [T]; nan where a task has no value."""
    unbounded: frozenset[str] = frozenset()
    """Metrics that are not shares between 0 and 1."""
    binary: frozenset[str] = frozenset()
    """Metrics whose scores are 1 or 0: right or wrong."""

    @classmethod
    def of(
        cls,
        suite: str,
        results: Sequence[SuiteResult],
        metrics: Mapping[str, Sequence[Floats]],
        unbounded: frozenset[str] = frozenset(),
        binary: frozenset[str] = frozenset(),
    ) -> Self:
        """Join the ``results`` of one or more environments; ``metrics`` has one array for each."""
        return cls(
            suite=suite,
            split=results[0].suite.split,
            budget=results[0].suite.max_tokens,
            tasks=tuple(task for result in results for task in result.tasks),
            envs=np.repeat([r.suite.env for r in results], [len(r.tasks) for r in results]),
            families=np.concatenate([r.families for r in results]),
            metrics={name: np.concatenate(parts) for name, parts in metrics.items()},
            unbounded=unbounded,
            binary=binary,
        )

    def rows(self) -> tuple[ReportRow, ...]:
        """Every metric over all tasks and per family, with 95 % intervals."""
        return tuple(
            row
            for part in self._slices()
            for metric in self.metrics
            if (row := self._row(part, metric))
        )

    def deltas(
        self, baseline: Self, metrics: Sequence[str], *, confidence: float
    ) -> tuple[Delta, ...]:
        """Paired differences to ``baseline``, over all tasks and per family.

        Tasks without a value for both agents are left out, and so is a family without any other
        (`gaps` names it). Raises `CladeflowError` where the two were not evaluated on the same
        tasks.
        """
        return tuple(
            self._delta(part, metric, pair, confidence)
            for part in self._slices()
            for metric in metrics
            if len((pair := self.pairs(baseline, part.at, metric))[0])
        )

    def gaps(self, baseline: Self, metrics: Sequence[str]) -> tuple[Gap, ...]:
        """The differences that `deltas` leaves out, because no task has both values."""
        return tuple(
            Gap(suite=self.suite, family=part.family, metric=metric)
            for part in self._slices()
            for metric in metrics
            if not len(self.pairs(baseline, part.at, metric)[0])
        )

    def pairs(self, baseline: Self, at: NDArray[np.bool_], metric: str) -> tuple[Floats, Floats]:
        """Both agents' scores, [T'] each, of those tasks ``at`` which have a value for both."""
        if self.tasks != baseline.tasks:
            raise CladeflowError(
                f"suite {self.suite}: the agent and its baseline were evaluated on different "
                "tasks; evaluate both on the same suite"
            )
        child, before = self.metrics[metric][at], baseline.metrics[metric][at]
        both = ~np.isnan(child) & ~np.isnan(before)
        return child[both], before[both]

    def families_of(self) -> dict[tuple[str, str], NDArray[np.bool_]]:
        """Which tasks, [T], belong to each (environment, family)."""
        found = sorted(set(zip(self.envs.tolist(), self.families.tolist(), strict=True)))
        return {(env, f): (self.envs == env) & (self.families == f) for env, f in found}

    def _slices(self) -> Iterator[_Slice]:
        """Everything, then each family."""
        envs = sorted(set(self.envs.tolist()))
        everything = np.ones(len(self.tasks), dtype=np.bool_)
        yield _Slice(envs[0] if len(envs) == 1 else ALL, ALL, everything)
        for (env, family), at in self.families_of().items():
            yield _Slice(env, family, at)

    def _row(self, part: _Slice, metric: str) -> ReportRow | None:
        scores = self.metrics[metric][part.at]
        scores = scores[~np.isnan(scores)]
        if not len(scores):
            return None
        found = bootstrap_mean(
            scores,
            bounds=None if metric in self.unbounded else (0.0, 1.0),
        )
        return ReportRow(
            suite=self.suite,
            env=part.env,
            family=part.family,
            split=self.split,
            metric=metric,
            value=round(found.value, DECIMALS),
            lo=round(found.lo, DECIMALS),
            hi=round(found.hi, DECIMALS),
            n=found.n,
            budget=self.budget,
        )

    def _delta(
        self,
        part: _Slice,
        metric: str,
        pair: tuple[Floats, Floats],
        confidence: float,
    ) -> Delta:
        child, before = pair
        found = paired_bootstrap(
            child,
            before,
            confidence=confidence,
            bounds=None if metric in self.unbounded else (-1.0, 1.0),
        )
        binary = metric in self.binary
        return delta_of(
            found,
            suite=self.suite,
            family=part.family,
            metric=metric,
            confidence=confidence,
            wins=int((child > before).sum()) if binary else None,
            losses=int((child < before).sum()) if binary else None,
        )


def delta_of(
    found: Interval,
    *,
    suite: str,
    metric: str,
    confidence: float,
    family: str = ALL,
    wins: int | None = None,
    losses: int | None = None,
) -> Delta:
    """An interval as a report has it."""
    return Delta(
        suite=suite,
        family=family,
        metric=metric,
        delta=round(found.value, DECIMALS),
        lo=round(found.lo, DECIMALS),
        hi=round(found.hi, DECIMALS),
        n=found.n,
        confidence=round(confidence, DECIMALS),
        wins=wins,
        losses=losses,
    )
