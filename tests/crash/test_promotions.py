"""A change of champion that dies between the archive and MLflow, or in either, is made once."""

import signal
from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture(scope="module")
def report(investigate: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """What `tests.crash.promotions` found out."""
    return investigate("tests.crash.promotions")


def test_a_rollback_swaps_in_the_archive_then_moves_the_aliases(report: dict[str, Any]) -> None:
    assert report["writes"] == [
        "swap",
        *["set_model_version_tag"] * 2,
        "set_registered_model_tag",
        "set_registered_model_alias",
        "set_registered_model_tag",
        "delete_registered_model_alias",
    ]
    events, agents, statuses, aliases = report["state"]
    assert [event[2] for event in events].count("rolled_back") == 1
    assert len(agents) == len({agent for _, agent in agents}) == 3
    assert [status for _, status in statuses] == ["promoted", "promoted", "rolled_back"]
    assert aliases == {"champion": 1}


def test_wherever_it_died_the_same_command_ends_in_the_same_state(report: dict[str, Any]) -> None:
    assert len(report["tried"]) == len(report["writes"])
    for write, (died, repeated) in zip(report["writes"], report["tried"], strict=True):
        assert died == {"killed": signal.SIGKILL}, write
        assert repeated["gave"]["state"] == report["state"], f"killed in {write}"
