"""Schedules as an operator edits them, against an API that fails wherever it likes."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from cladeflow.kubeflow.attempts import RUN
from cladeflow.kubeflow.schedule import example
from tests.clusters import PIPELINE, profile_file
from tests.command_line import Ran, cladeflow
from tests.kfp_extra import require_kfp

require_kfp()

from cladeflow.kubeflow import applying, patience  # noqa: E402
from cladeflow.kubeflow.guard import reason_not_to_begin  # noqa: E402
from tests.fake_api import Fault  # noqa: E402
from tests.kfp_server import KfpServer, age  # noqa: E402


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(applying, "recipe_pipeline", lambda *_: None)
    monkeypatch.setattr(applying, "compiled", lambda _: PIPELINE)


@pytest.fixture
def server() -> Iterator[KfpServer]:
    with KfpServer() as server:
        yield server


@pytest.fixture
def profile(server: KfpServer, tmp_path: Path) -> Path:
    return profile_file(tmp_path, server.url, in_cluster=server.url)


def nightly(directory: Path, **fields: Any) -> Path:
    """The example, some of its keys set to something else."""
    path = directory / "nightly.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(example()), **fields}))
    return path


def apply(path: Path, *arguments: object) -> Ran:
    return cladeflow("schedule", "apply", path, *arguments)


def applied(path: Path, *arguments: object) -> list[str]:
    ran = apply(path, "--json", *arguments)
    assert ran.code == 0, ran
    lines: list[str] = json.loads(ran.out)["changes"]
    return lines


def cluster(server: KfpServer) -> list[tuple[str, str]]:
    return [
        (one["trigger"]["cron_schedule"]["cron"], one["status"])
        for one in server.recurring.values()
    ]


def test_a_schedule_is_installed_and_changed(
    server: KfpServer, profile: Path, tmp_path: Path
) -> None:
    path = nightly(tmp_path)
    assert "new schedule" in applied(path, "--dry-run") and not server.recurring
    assert applied(path)[0] == "new schedule"
    assert cluster(server) == [("0 0 2 * * *", "ENABLED")]
    (one,) = server.recurring.values()
    assert (one["no_catchup"], one["max_concurrency"]) == (True, "1")
    before = len(server.changes)
    assert applied(path) == [] and len(server.changes) == before
    path = nightly(tmp_path, cron="0 5 * * *", budget={"runs": 7})
    assert applied(path, "--dry-run") == [
        'cron: "0 2 * * *" → "0 5 * * *"',
        "budget.runs: 60 → 7",
        "budget.gpu_hours: 200.0 → nothing",
    ]
    assert "deleted nightly-" in apply(path).out
    assert cluster(server) == [("0 0 5 * * *", "ENABLED")]
    assert server.changes[-4:] == [
        "POST /recurringruns",
        f"POST /recurringruns/{one['recurring_run_id']}:disable",
        f"POST /recurringruns/{next(iter(server.recurring))}:enable",
        f"DELETE /recurringruns/{one['recurring_run_id']}",
    ]
    assert server.most_enabled == 1


@pytest.mark.parametrize("happened", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("method", "pattern"),
    [("POST", "recurringruns$"), ("POST", "disable"), ("POST", "enable"), ("DELETE", "")],
    ids=["create", "disable", "enable", "delete"],
)
def test_an_apply_that_dies_anywhere_is_finished_by_the_next(
    method: str, pattern: str, happened: bool, server: KfpServer, profile: Path, tmp_path: Path
) -> None:
    applied(nightly(tmp_path))
    path = nightly(tmp_path, cron="0 5 * * *")
    server.faults.append(Fault(method, pattern, 418, after=happened))  # not worth another try
    died = apply(path)
    assert died.code == 2 and "418" in died.err
    applied(path)
    assert cluster(server) == [("0 0 5 * * *", "ENABLED")]
    assert server.most_enabled == 1
    assert applied(path) == []


@pytest.mark.parametrize("status", [429, 500, 0])
def test_an_apply_waits_out_what_passes(
    status: int, server: KfpServer, profile: Path, tmp_path: Path
) -> None:
    applied(nightly(tmp_path))
    for method, pattern in (("POST", "recurringruns$"), ("POST", "able"), ("DELETE", "")):
        server.faults += [Fault(method, pattern, status, after=status == 500)] * 2
    applied(nightly(tmp_path, cron="0 5 * * *"))
    assert cluster(server) == [("0 0 5 * * *", "ENABLED")]
    assert server.most_enabled == 1


def test_list_show_pause_resume_delete(server: KfpServer, profile: Path, tmp_path: Path) -> None:
    applied(nightly(tmp_path))
    other = tmp_path / "weekly.yaml"
    other.write_text(example().replace('"0 2 * * *"', '"0 2 * * sun"'))
    applied(other)
    where = ("--profile", profile)
    listed = json.loads(cladeflow("schedule", "list", *where, "--json").out)
    assert [(one["schedule"], one["state"]) for one in listed] == [
        ("weekly", "enabled"),
        ("nightly", "enabled"),
    ]
    assert "weekly" in cladeflow("schedule", "list", *where).out
    assert "paused" in cladeflow("schedule", "pause", "nightly", *where).out
    shown = json.loads(cladeflow("schedule", "show", "nightly", *where, "--json").out)
    assert (shown["state"], shown["next"]) == ("paused", None)
    assert applied(nightly(tmp_path), "--dry-run") == ["paused → enabled"]
    assert "enabled" in cladeflow("schedule", "resume", "nightly", *where).out
    shown = json.loads(cladeflow("schedule", "show", "nightly", *where, "--json").out)
    assert shown["next"].endswith("02:00:00+00:00")
    assert "deleted" in cladeflow("schedule", "delete", "nightly", *where).out
    assert len(server.recurring) == 1
    gone = cladeflow("schedule", "show", "nightly", *where)
    assert gone.code == 2 and "no schedule 'nightly'" in gone.err and "weekly" in gone.err


def test_a_lost_tick_is_shown(server: KfpServer, profile: Path, tmp_path: Path) -> None:
    applied(nightly(tmp_path))
    (one,) = server.recurring.values()
    age(one, days=4)
    moment = (datetime.now(UTC) - timedelta(days=2)).replace(hour=2, minute=0, second=3)
    (run,) = server.tick(at=moment)
    server.end(run)
    server.runs[run]["finished_at"] = moment.isoformat()
    where = ("--profile", profile, "--home", tmp_path)
    shown = json.loads(cladeflow("schedule", "show", "nightly", *where, "--json").out)
    assert [one["id"] for one in shown["runs"]] == [run]
    at = [datetime.fromisoformat(tick["at"]) for tick in shown["lost"]]
    assert moment.date() not in {one.date() for one in at}
    assert all(one.hour == 2 for one in at) and 2 <= len(at) <= 4
    assert "no run at" in cladeflow("schedule", "show", "nightly", *where).out


def test_a_run_that_finds_the_budget_spent_pauses_its_schedule(
    server: KfpServer, profile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    applied(nightly(tmp_path, budget={"runs": 1}))
    order = {
        "name": "nightly",
        "budget": {"runs": 1},
        "stop": {},
        "api": {"endpoint": server.url},
    }
    home = tmp_path / "home"
    for expected in ("", "the budget of 1 runs is spent; the schedule is paused"):
        (run,) = server.tick()
        monkeypatch.setenv(RUN, run)
        assert reason_not_to_begin(home, order) == expected
        server.end(run)
    assert server.tick() == []
    told = cladeflow("schedule", "show", "nightly", "--profile", profile, "--home", home)
    assert "the budget of 1 runs is spent" in told.out and "paused" in told.out
    waited = cladeflow("wait", run, "--profile", profile, "--home", home)
    assert waited.code == 0
    assert "SUCCEEDED (nothing was done: the budget of 1 runs is spent" in waited.out


def test_a_budget_that_is_spent_while_kubeflow_does_not_answer(
    server: KfpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RUN, "run-1")
    order = {"name": "n", "budget": {"runs": 0}, "stop": {}}
    said = reason_not_to_begin(tmp_path, {**order, "api": {"endpoint": "http://127.0.0.1:9"}})
    assert said.startswith("the budget of 0 runs is spent; it could not be paused from here")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"cron": "0 0 30 2 *"}, "cron '0 0 30 2 *' never fires"),
        ({"cron": "0 2"}, "has 2 fields"),
        (
            {"timezone": "Asia/Tokyo"},
            "Kubeflow reads every cron in UTC (kfp_timezone of profile profile); "
            "write timezone and cron for that zone: cron '0 17 * * *'",
        ),
        ({"timezone": "Mars/Base"}, "'Mars/Base' is no time zone"),
        ({"generations": 11}, "generations: Input should be less than or equal to 10"),
        ({"recipe": "defalt"}, "unknown recipe 'defalt'"),
        ({"budget": {"gpu_hour": 3}}, "unknown key 'gpu_hour'; did you mean 'gpu_hours'?"),
        ({"crom": "x"}, "unknown key 'crom'; did you mean 'cron'?"),
        ({"profile": "nowhere.yaml"}, "nowhere.yaml: cannot be read as a profile"),
        ({"name": "Not A Label"}, "is not of the form"),
        ({"set": {"rollout.sample.m": 3}}, "unknown key 'm'"),
    ],
    ids=str,
)
def test_what_is_refused(
    fields: dict[str, Any], expected: str, server: KfpServer, profile: Path, tmp_path: Path
) -> None:
    ran = apply(nightly(tmp_path, **fields))
    assert ran.code == 2 and expected in ran.err and "Traceback" not in ran.err, ran
    assert not server.changes


def test_what_init_writes_is_valid(server: KfpServer, profile: Path, tmp_path: Path) -> None:
    path = tmp_path / "schedule.yaml"
    assert cladeflow("schedule", "init", path).code == 0
    assert applied(path)[0] == "new schedule"
    assert "exists; name another file" in cladeflow("schedule", "init", path).err
