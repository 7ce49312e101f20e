"""Verdicts and preferences: what a verifier makes of trajectories, steps or critiques."""

from typing import Literal

from cladeflow.records.base import Record, Value

Outcome = Literal["checked", "error", "timeout"]


class Target(Value):
    """What a verdict is about."""

    kind: Literal["traj", "step", "critique", "message", "agent"] = "traj"
    id: str
    step_i: int | None = None
    role: str | None = None


class Verifier(Value):
    """Who judged: a strategy, and the digest of the model it used, if any."""

    strategy: str
    model: str | None = None


class Verdict(Record):
    """One judgement.

    ``outcome`` tells a wrong answer (checked, value 0) from a checker that failed (error) or was
    killed at its wall clock (timeout): the last two carry no reward and are counted apart.
    """

    target: Target
    value: float
    ok: bool | None = None
    parts: dict[str, float] = {}
    """Each term of the reward by itself, so that a hacked term is visible."""
    by: Verifier
    n: int = 1
    stderr: float | None = None
    outcome: Outcome = "checked"
    note: str = ""


class Preference(Record):
    """``p`` = probability that ``a`` is better than ``b``, judged in ``orders`` orders."""

    a: str
    b: str
    p: float
    margin: float = 0.0
    orders: int = 1
