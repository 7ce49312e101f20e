"""What a metric is: name, kind, unit, labels and help."""

from typing import Literal, NamedTuple

Kind = Literal["counter", "gauge", "summary", "histogram"]
Unit = Literal[
    "agents", "approvals", "attempts", "bytes", "changes", "documents", "dollars", "episodes",
    "events", "examples", "generations", "groups", "items", "level", "nats", "norm", "outcomes",
    "ratio", "reasons", "records", "retries", "reward", "seconds", "state", "steps", "tasks",
    "tokens", "tokens_per_second", "trajectories", "verdicts",
]  # fmt: skip
Over = Literal["last", "sum", "max"]


class Spec(NamedTuple):
    """One metric. A summary keeps the sum and the count of what is observed."""

    name: str
    kind: Kind
    unit: Unit
    help: str
    labels: tuple[str, ...] = ()
    over: Over = "last"
    """Of a gauge: what several calls of a stage in one generation come to together."""
    buckets: tuple[float, ...] = ()
    """Of a histogram: upper bounds, the last of which is infinite."""


def table(*specs: Spec) -> dict[str, Spec]:
    """The specs by name."""
    return {spec.name: spec for spec in specs}
