"""A run of kfp.local that is killed, whole or step by step, finishes with the same commits."""

import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.crash.deaths import DEATHS
from tests.kfp_extra import require_kfp

require_kfp()


@pytest.fixture(scope="module")
def report(investigate: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """What `tests.crash.kubeflow_kills` found out."""
    return investigate("tests.crash.kubeflow_kills")


def test_everybody_dies_who_is_to_and_runs_are_started_again(report: dict[str, Any]) -> None:
    assert len(DEATHS) == 10
    assert report["marked"] == sorted(death.mark for death in DEATHS), report["runs"]
    *killed, last = report["runs"]
    assert killed == [{"killed": signal.SIGKILL}] * sum(d.who != "step" for d in DEATHS)
    assert "gave" in last, last


def test_a_killed_step_is_tried_again_by_the_run_itself(report: dict[str, Any]) -> None:
    for death in DEATHS:
        if death.who == "step":
            tried = [outcome for task, outcome in report["attempts"] if task == death.task]
            assert None in tried and tried[-1] == "done", death


def test_the_commits_and_the_archive_are_those_of_an_undisturbed_run(
    report: dict[str, Any],
) -> None:
    expected, found = report["expected"]["gave"], report["runs"][-1]["gave"]
    assert found == expected
    assert len(expected["commits"]) > 10
