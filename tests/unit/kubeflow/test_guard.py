"""Whether a schedule's run may begin: another at work, budgets, goals; decided once, and paused."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from cladeflow.archive.archive import Archive
from cladeflow.archive.claim import claim, claimant
from cladeflow.archive.lease import Lease
from cladeflow.archive.schema import leases
from cladeflow.errors import HomeError
from cladeflow.home import Home
from cladeflow.kubeflow import guard, step
from cladeflow.kubeflow.attempts import GPUS, LOCAL, RUN, SILENCE, Ledger
from cladeflow.kubeflow.decisions import decisions
from cladeflow.kubeflow.guard import hold, reason_not_to_begin, require_quiet


def schedule(**fields: Any) -> dict[str, Any]:
    usual = {"name": "nightly", "budget": {}, "stop": {}, "api": None}
    return {**usual, **fields}


def began(home: Path, run: str, monkeypatch: pytest.MonkeyPatch, **fields: Any) -> str:
    monkeypatch.setenv(RUN, run)
    return reason_not_to_begin(home, schedule(**fields))


def ended(home: Path, run: str, state: str = "SUCCEEDED") -> None:
    with (home / "outcomes.jsonl").open("a") as file:
        file.write(json.dumps({"run": run, "state": state, "ended": time.time()}) + "\n")


def test_a_run_waits_for_the_one_at_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert began(tmp_path, "a", monkeypatch) == ""
    assert began(tmp_path, "b", monkeypatch) == "run a is still at work on this evolution"
    assert began(tmp_path, "a", monkeypatch) == ""  # a pod that is started again
    ended(tmp_path, "a")
    assert began(tmp_path, "c", monkeypatch) == ""
    assert began(tmp_path, "b", monkeypatch) == "run a is still at work on this evolution"
    assert [(one.run, bool(one.reason)) for one in decisions(tmp_path, "nightly")] == [
        ("a", False),
        ("b", True),
        ("c", False),
    ]


def test_a_run_that_is_silent_for_too_long_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SILENCE, "600")
    assert began(tmp_path, "a", monkeypatch) == ""
    with Archive.open(Home(tmp_path).archive_url) as archive, archive.database.write() as db:
        db.execute(update(leases).values(heartbeat=leases.c.heartbeat - 3600))
    entry = Ledger(tmp_path).begin("1/plan")
    assert "still at work" in began(tmp_path, "b", monkeypatch)
    entry.attempt = entry.attempt._replace(began=time.time() - 3600)
    entry.write()
    assert began(tmp_path, "c", monkeypatch) == ""


def test_what_a_person_submits_takes_the_home_and_schedules_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert began(tmp_path, "a", monkeypatch) == ""
    monkeypatch.setenv(RUN, "by-hand")
    hold(Home(tmp_path))
    assert "run by-hand" in began(tmp_path, "b", monkeypatch)


def test_what_a_person_submits_waits_for_a_process_and_gives_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(guard, "_LOOK_SECONDS", 0.01)
    home = Home(tmp_path)
    with Archive.create(home.archive_url) as archive, Lease(archive):
        monkeypatch.setenv(RUN, f"{LOCAL}1")
        hold(home)  # the process that drives it has the lease
        monkeypatch.setenv(RUN, "by-hand")
        with pytest.raises(HomeError, match=r"process \d+ on .* is at work on .* submit again"):
            hold(home)
        assert claimant(archive) is None


def quiet(home: Path) -> bool:
    with Archive.create(Home(home).archive_url) as archive:
        try:
            require_quiet(archive, Home(home))
        except HomeError as refused:
            assert "cladeflow wait run-1'" in str(refused)
            return False
    return True


def test_a_home_is_quiet_when_no_run_of_a_cluster_may_be_between_two_tasks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert quiet(tmp_path)
    for run in (f"{LOCAL}1", "run-of-a-version-without-silence"):
        monkeypatch.setenv(RUN, run)
        Ledger(tmp_path).begin("1/0/main.0/rollout")
        assert quiet(tmp_path)
    monkeypatch.setenv(RUN, "run-1")
    monkeypatch.setenv(SILENCE, "60")
    Ledger(tmp_path).begin("1/plan").end("done")
    assert not quiet(tmp_path)
    later = time.time() + 61
    monkeypatch.setattr(time, "time", lambda: later)
    assert quiet(tmp_path)
    monkeypatch.undo()
    assert not quiet(tmp_path)
    ended(tmp_path, "run-1", "CANCELED")
    assert quiet(tmp_path)


def test_a_home_is_not_quiet_when_a_run_has_just_claimed_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert began(tmp_path, "run-1", monkeypatch) == ""
    assert not quiet(tmp_path)
    ended(tmp_path, "run-1")
    assert quiet(tmp_path)


def test_a_process_that_evolves_the_home_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Archive.create(Home(tmp_path).archive_url) as archive, Lease(archive):
        assert "process" in began(tmp_path, "a", monkeypatch)
    assert began(tmp_path, "b", monkeypatch) == ""


def test_claims_are_made_once(tmp_path: Path) -> None:
    with Archive.create(Home(tmp_path).archive_url) as archive:
        run = "0" * 36  # as long as KFP's
        assert claim(archive, run, lambda *_: True) == ""
        assert claim(archive, run, lambda *_: True) == ""
        assert claim(archive, "other", lambda *_: True) == f"run {run}"
        assert claim(archive, "other", lambda *_: False) == ""


def test_the_budget_of_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for run in "ab":
        assert began(tmp_path, run, monkeypatch, budget={"runs": 2}) == ""
        ended(tmp_path, run)
    assert began(tmp_path, "c", monkeypatch, budget={"runs": 2}) == (
        "the budget of 2 runs is spent; "
        "pause it with 'cladeflow schedule pause': the profile has no kfp_in_cluster"
    )
    assert began(tmp_path, "d", monkeypatch, budget={"runs": 3}) == ""


def test_the_budget_of_gpu_hours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert began(tmp_path, "a", monkeypatch, budget={"gpu_hours": 8}) == ""
    monkeypatch.setenv(GPUS, "4")
    entry = Ledger(tmp_path).begin("1/0/main.0/rollout")
    entry.attempt = entry.attempt._replace(began=time.time() - 7200)
    entry.end("done")
    ended(tmp_path, "a")
    said = began(tmp_path, "b", monkeypatch, budget={"gpu_hours": 8})
    assert said.startswith("the budget of 8 GPU-hours is spent: 8.00")
    assert began(tmp_path, "c", monkeypatch, budget={"gpu_hours": 8.5}) == ""


def test_failures_in_a_row_stop_until_somebody_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = {"failed_runs": 2}
    for run, state in (("a", "FAILED"), ("b", "SUCCEEDED"), ("c", "FAILED"), ("d", "FAILED")):
        assert began(tmp_path, run, monkeypatch, stop=stop) == ""
        ended(tmp_path, run, state)
    assert began(tmp_path, "e", monkeypatch, stop=stop).startswith("2 runs in a row failed")
    assert began(tmp_path, "f", monkeypatch, stop=stop) == ""


def test_a_step_of_a_run_that_does_nothing_is_green(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Artifact:
        path = str(tmp_path / "artifact")

    assert began(tmp_path, "a", monkeypatch) == ""
    monkeypatch.setenv(RUN, "b")
    order = json.dumps({"generation": 0, "stage": "plan", "schedule": schedule()})
    assert step.run(str(tmp_path), order, Artifact()) == 0
    assert "run a is still at work" in (tmp_path / "artifact").read_text()
    assert Ledger(tmp_path).all() == []
