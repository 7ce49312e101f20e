"""Evaluation reports and gate decisions."""

from typing import Literal

from cladeflow.records.base import Record, Value


class ReportRow(Value):
    """One metric on one slice; ``lo`` and ``hi`` bound its 95 % bootstrap interval."""

    suite: str
    env: str
    family: str
    split: str
    metric: str
    value: float
    lo: float
    hi: float
    n: int
    budget: int = 0
    """Token budget per episode."""


class Bounds(Value):
    """The 95 % bootstrap interval of a measure; ``n`` counts the tasks that it rests on."""

    lo: float
    hi: float
    n: int


class CurvePoint(Value):
    """A metric at one inference budget, tokens per task."""

    metric: str
    budget: int
    value: float


class Delta(Value):
    """Paired difference to the baseline with its interval at ``confidence``; gates read only these.

    ``n`` counts tasks; ``family`` is "all" or one family.
    """

    suite: str
    family: str
    metric: str
    delta: float
    lo: float
    hi: float
    n: int
    confidence: float
    wins: int | None = None
    """Tasks that the agent alone solved; None where a task's score is more than right or wrong."""
    losses: int | None = None
    """Tasks that the baseline alone solved."""


class Gap(Value):
    """A difference that is missing: no task of the family has a value for both agents."""

    suite: str
    family: str
    metric: str


class SafetyCheck(Value):
    """One check of the safety suite against its limit."""

    check: str
    value: float
    limit: float
    passed: bool


class Contamination(Value):
    """What a contamination probe found."""

    auc: float
    flagged: tuple[str, ...] = ()


class InducedMetric(Value):
    """A metric that a model proposed from feedback."""

    metric: str
    definition: str
    examples: tuple[str, ...] = ()


class Cost(Value):
    """What an evaluation or a generation spent; seconds are volatile and live in manifests."""

    tokens: int = 0
    calls: int = 0
    tool_calls: int = 0


class Rechecked(Value):
    """The incumbent on fresh held-out tasks, beside what its line was promoted with."""

    promised: ReportRow
    """The score whose lower bound the incumbent is held to."""
    now: ReportRow
    """The incumbent's score on the fresh tasks."""
    restored_id: str
    """The agent that a rollback would restore."""
    delta: Delta
    """Incumbent less that agent, on the fresh tasks."""

    @property
    def fell(self) -> bool:
        """Whether the incumbent is worse than promised, and no better than what came before it."""
        return self.now.value < self.promised.lo and self.delta.delta <= 0


class EvalReport(Record):
    """Everything a gate and a reader need to know of one agent against one baseline."""

    agent_id: str
    baseline_id: str
    identical: bool = False
    """Agent and baseline share weights, scaffold and memory, so they differ in nothing."""
    suite: str
    """Digest of the suites' definitions."""
    seeds: tuple[int, ...]
    rows: tuple[ReportRow, ...] = ()
    curves: tuple[CurvePoint, ...] = ()
    deltas: tuple[Delta, ...] = ()
    gaps: tuple[Gap, ...] = ()
    retention: dict[str, float] = {}
    exploration: dict[str, float] = {}
    exploration_bounds: dict[str, Bounds] = {}
    """Of the measures of exploration that have an interval."""
    baseline_exploration: dict[str, float] = {}
    """What was measured of the baseline when it was a child; empty for an initial agent."""
    critique: dict[str, float] = {}
    safety: tuple[SafetyCheck, ...] = ()
    contamination: Contamination | None = None
    induced: tuple[InducedMetric, ...] = ()
    cost: Cost = Cost()
    recheck: Rechecked | None = None
    """Of the incumbent, where it was due for one."""
    passed: bool | None = None
    reasons: tuple[str, ...] = ()


GateOutcome = Literal["pass", "fail", "inconclusive"]


class Decision(Record):
    """What a gate made of one child, and why."""

    agent_id: str
    incumbent_id: str
    gate: str
    outcome: GateOutcome
    reasons: tuple[str, ...]
    tried: int = 1
    """Children tried since the last promotion, the interval's correction."""
