"""What an evaluation is: the suites it needs run, and what it makes of their results."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from cladeflow.environments.base import Environment
from cladeflow.errors import CladeflowError
from cladeflow.evaluate.suite import Suite, SuiteResult
from cladeflow.records import (
    Bounds,
    Cost,
    Delta,
    EvalReport,
    Gap,
    ReportRow,
    Trajectory,
    Verdict,
    digest,
)
from cladeflow.strategy import Strategy

if TYPE_CHECKING:
    from cladeflow.evaluate.screen import Screen


@dataclass(frozen=True)
class Setting:
    """What suites depend on besides the strategy's options."""

    environments: Sequence[Environment]
    max_tokens: int
    """Token budget of one turn."""
    seed: int
    """Root seed of the evolution: every generation is evaluated on the same tasks."""

    def suite(self, env: Environment, name: str, **how: Any) -> Suite:
        """A suite of an environment's tasks, greedy unless told otherwise."""
        return Suite(
            **{"samples": 1, "temperature": 0.0} | how,
            name=f"{env.name}.{name}",
            env=env.name,
            env_digest=digest(env.identity()),
            max_tokens=self.max_tokens,
            seed=self.seed,
        )


@dataclass(frozen=True)
class EvalContext:
    """What there is to report on. ``subject`` and ``baseline`` hold results by suite name."""

    setting: Setting
    subject: Mapping[str, SuiteResult]
    baseline: Mapping[str, SuiteResult]
    trajectories: Sequence[Trajectory]
    """This generation's rollouts on training tasks."""
    verdicts: Sequence[Verdict]
    """The verdicts on them."""
    confidence: float
    """Of the intervals that the gate decides on, corrected for the children tried."""
    key: str
    """Seeds the resampling."""


class ReportParts(NamedTuple):
    """What one strategy contributes to a report."""

    rows: tuple[ReportRow, ...] = ()
    deltas: tuple[Delta, ...] = ()
    gaps: tuple[Gap, ...] = ()
    retention: Mapping[str, float] = {}
    exploration: Mapping[str, float] = {}
    exploration_bounds: Mapping[str, Bounds] = {}
    critique: Mapping[str, float] = {}


class Evaluation(Strategy, slot="evaluate"):
    """One view on an agent. The stage runs the suites with the agent's own scaffold."""

    def suites(self, setting: Setting) -> list[Suite]:
        """The suites whose results `report` wants; none where it only reads the rollouts."""
        return []

    def screens(self) -> "tuple[Screen, ...]":
        """Cheap stages that a child has to clear, in order, before any suite is run on it."""
        return ()

    @abstractmethod
    def report(self, ctx: EvalContext) -> ReportParts:
        """Rows, deltas and other parts of the report on ``ctx.subject``."""


def declared_suites(evaluations: Sequence[Evaluation], setting: Setting) -> list[Suite]:
    """Every suite that the ``evaluations`` need, each once.

    Raises `CladeflowError` where two strategies give one name to different suites.
    """
    suites: dict[str, Suite] = {}
    for suite in (s for evaluation in evaluations for s in evaluation.suites(setting)):
        if suites.setdefault(suite.name, suite) != suite:
            raise CladeflowError(
                f"evaluate: two strategies declare different suites called {suite.name!r}; "
                "set the option 'suite' of one of them to another name"
            )
    return list(suites.values())


def evaluation_report(
    evaluations: Sequence[Evaluation],
    ctx: EvalContext,
    *,
    agent_id: str,
    baseline_id: str,
    identical: bool,
    gen: int,
    baseline_exploration: Mapping[str, float] | None = None,
) -> EvalReport:
    """The report that the ``evaluations`` make together."""
    parts = [evaluation.report(ctx) for evaluation in evaluations]
    costs = [result.cost for result in ctx.subject.values()]
    return EvalReport(
        gen=gen,
        agent_id=agent_id,
        baseline_id=baseline_id,
        identical=identical,
        suite=digest([result.suite.hash for result in ctx.subject.values()]),
        seeds=(ctx.setting.seed,),
        rows=tuple(row for part in parts for row in part.rows),
        deltas=tuple(delta for part in parts for delta in part.deltas),
        gaps=tuple(gap for part in parts for gap in part.gaps),
        retention={family: drop for part in parts for family, drop in part.retention.items()},
        exploration={name: value for part in parts for name, value in part.exploration.items()},
        exploration_bounds={
            name: bounds for part in parts for name, bounds in part.exploration_bounds.items()
        },
        baseline_exploration=dict(baseline_exploration or {}),
        critique={name: value for part in parts for name, value in part.critique.items()},
        cost=Cost(
            tokens=sum(cost.tokens for cost in costs),
            calls=sum(cost.calls for cost in costs),
            tool_calls=sum(cost.tool_calls for cost in costs),
        ),
    )
