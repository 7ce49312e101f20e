"""What the plan reads from the archive's events."""

from typing import Any

import pytest

from cladeflow.archive import Recorded
from cladeflow.plan.model import CellStats
from cladeflow.plan.stage import _measured, _statistics


def recorded(agent_id: str, **payload: Any) -> Recorded:
    fields: dict[str, Any] = dict.fromkeys(Recorded._fields)
    return Recorded(**{**fields, "agent_id": agent_id, "payload": payload})


def test_statistics_keep_the_last_generation_and_the_history() -> None:
    first = {"a": {"n": 10, "mean": 0.2}, "b": {"n": 5, "mean": 0.9}}
    second: dict[str, Any] = {"a": {"n": 20, "mean": 0.4}}
    assert _statistics([first, second]) == {
        "a": CellStats(n=20, mean=0.4, history=(0.2, 0.4)),
        "b": CellStats(n=0, mean=0.0, history=(0.9,)),
    }
    assert _statistics([]) == {}


def test_measures_are_those_of_the_agent_that_is_started_from() -> None:
    events = [
        recorded("initial", exploration={"balance": 0.1}),
        recorded("child1", exploration={"balance": 0.2}),
        recorded("child2", exploration={"balance": 0.3}),
        recorded("child1", ok=1, fail=0),
    ]
    assert _measured(events, ["initial"]) == {"balance": 0.1}
    assert _measured(events, ["child1"]) == {"balance": 0.2}
    assert _measured(events, ["stranger"]) == {}
    assert _measured(events, ["initial", "child2", "stranger"]) == {"balance": pytest.approx(0.2)}
