"""A run that dies in any of its writes resumes to what it would have been."""

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture(scope="module")
def report(investigate: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """What `tests.crash.zygote` found out."""
    return investigate("tests.crash.zygote")


def test_the_run_that_dies_writes_everything_that_a_run_can_write(report: dict[str, Any]) -> None:
    writes = report["writes"]
    stages = ("plan", "task_synthesis", "rollout", "verification", "fine_tune.0", "evaluate")
    for stage in (*stages, "promote"):
        assert writes.count(f"publish {stage}") == 2, stage
    assert {"transaction", "rename checkpoint.pt", "tree model"} <= set(writes)


def test_every_write_can_be_the_last(report: dict[str, Any]) -> None:
    tried = report["tried"]
    assert [one["write"] for one in tried] == list(range(len(report["writes"])))
    problems = [
        f"killed in write {one['write']} ({report['writes'][one['write']]}): {one['problem']}"
        for one in tried
        if one["problem"]
    ]
    assert not problems, "\n".join(problems)


def test_training_goes_on_from_its_last_checkpoint(report: dict[str, Any]) -> None:
    saved, generation, resumed = 0, 1, 0
    for one, write in zip(report["tried"], report["writes"], strict=True):
        call = f"{generation}/0/main.0/fine_tune.0"
        if write == "rename checkpoint.pt":
            expected = report["trained"][call][saved:]
            assert one["trained"][call] == expected, f"killed at checkpoint {saved + 1} of {call}"
            resumed += saved > 0
            saved += 1
        elif write == "publish fine_tune.0":
            saved, generation = 0, generation + 1
    assert resumed >= 2
