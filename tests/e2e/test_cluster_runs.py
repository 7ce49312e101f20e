"""Submit, list, wait for and cancel runs, against an API that has its moods."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clusters import PIPELINE, profile_file
from tests.command_line import Ran, cladeflow
from tests.homes import begun
from tests.kfp_extra import require_kfp

require_kfp()

from cladeflow.kubeflow import compiling, patience  # noqa: E402
from cladeflow.kubeflow.attempts import GPUS, RUN, SILENCE, Ledger  # noqa: E402
from tests.fake_api import Fault  # noqa: E402
from tests.kfp_server import KfpServer  # noqa: E402


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSE_SECONDS", 0.01)


@pytest.fixture
def quickly_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """What compiling gives is tested elsewhere, and takes seconds."""
    monkeypatch.setattr(compiling, "compiled", lambda _: PIPELINE)


@pytest.fixture
def server() -> Iterator[KfpServer]:
    with KfpServer() as server:
        yield server


@pytest.fixture
def profile(server: KfpServer, tmp_path: Path) -> Path:
    return profile_file(tmp_path, server.url)


def submitted(profile: Path, *arguments: object) -> dict[str, object]:
    ran = cladeflow("submit", "default", "--profile", profile, "--json", *arguments)
    assert ran.code == 0, ran
    found: dict[str, object] = json.loads(ran.out)
    return found


def tried(home: Path, run: str, task: str, *outcomes: str | None) -> None:
    """Let a run have made attempts at a task, outside the test's own environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(RUN, run)
        for outcome in outcomes:
            entry = Ledger(home).begin(task)
            if outcome:
                entry.end(outcome, "" if outcome == "done" else "a reason")


def test_what_is_compiled_is_submitted_whole(server: KfpServer, profile: Path) -> None:
    run = submitted(profile, "--generations", 2)
    body = server.runs[str(run["id"])]
    assert body["runtime_config"]["parameters"] == {"home": "/cladeflow/evolution", "generation": 0}
    spec, platform = body["pipeline_spec"]["pipeline_spec"], body["pipeline_spec"]["platform_spec"]
    assert spec["pipelineInfo"]["name"] == "cladeflow-default"
    assert "kubernetes" in platform["platforms"]


@pytest.mark.usefixtures("quickly_compiled")
def test_a_rollback_is_submitted_with_what_it_is_asked_for(
    server: KfpServer, profile: Path
) -> None:
    asked = ("submit", "--pipeline", "rollback", "--profile", profile, "--json")
    ran = cladeflow(*asked, "--to", "v3", "--reason", 'a "worse" one')
    assert ran.code == 0, ran
    given = server.runs[json.loads(ran.out)["id"]]["runtime_config"]["parameters"]
    call = json.loads(given["call"])
    assert given.keys() == {"home", "call"} and call["who"]
    assert (call["to"], call["reason"]) == ("v3", 'a "worse" one')
    assert "'--to' says nothing to --pipeline recipe" in refused(
        cladeflow("submit", "--to", "v3", "--profile", profile)
    )


@pytest.mark.usefixtures("quickly_compiled")
def test_a_run_is_submitted_once_until_it_has_ended(server: KfpServer, profile: Path) -> None:
    first = submitted(profile)
    again = submitted(profile)
    assert first["new"] and not again["new"] and first["id"] == again["id"]
    server.end(str(first["id"]))
    second = submitted(profile)
    assert second["new"] and second["id"] != first["id"]
    assert str(first["name"]).endswith("-1") and str(second["name"]).endswith("-2")
    assert submitted(profile, "--home", "/cladeflow/another")["new"]
    keyed = submitted(profile, "--key", "ci-7")
    server.end(str(keyed["id"]))
    assert submitted(profile, "--key", "ci-7")["id"] == keyed["id"]


@pytest.mark.usefixtures("quickly_compiled")
def test_submit_says_how_to_follow(server: KfpServer, profile: Path) -> None:
    server.faults += [Fault("POST", "^/runs$", 500, after=True), Fault("GET", "/runs$", 429)]
    ran = cladeflow("submit", "--profile", profile)
    (run,) = server.runs
    assert ran.code == 0
    assert ran.out.splitlines()[-1] == (
        f"next: cladeflow wait {run} --profile {profile} --home /cladeflow/evolution"
    )


@pytest.mark.usefixtures("quickly_compiled")
def test_runs_and_cancel(server: KfpServer, profile: Path) -> None:
    run = str(submitted(profile)["id"])
    listed = json.loads(cladeflow("runs", "--profile", profile, "--json").out)
    assert [(one["id"], one["state"]) for one in listed] == [(run, "PENDING")]
    assert run in cladeflow("runs", "--profile", profile).out
    assert "CANCELED; a new run goes on" in cladeflow("cancel", run, "--profile", profile).out
    assert server.runs[run]["state"] == "CANCELED"
    assert "had ended: CANCELED" in cladeflow("cancel", run, "--profile", profile).out
    unknown = cladeflow("cancel", "nosuch", "--profile", profile)
    assert unknown.code == 2 and "404" in unknown.err


@pytest.mark.usefixtures("quickly_compiled")
@pytest.mark.parametrize(("state", "code"), [("SUCCEEDED", 0), ("FAILED", 1), ("CANCELED", 1)])
def test_wait_ends_as_the_run_did(
    state: str, code: int, server: KfpServer, profile: Path, tmp_path: Path
) -> None:
    run = str(submitted(profile)["id"])
    tried(tmp_path, run, "1/plan", "done")
    tried(tmp_path, run, "1/0/main.0/rollout", "transient", "done")
    shard = tmp_path / "store/generations/1/0/main.0/rollout/abc/shard-0/commit.json"
    shard.parent.mkdir(parents=True)
    shard.touch()
    server.end(run, state, "" if code == 0 else "out of luck")
    ran = cladeflow("wait", run, "--profile", profile, "--home", tmp_path, "--json")
    assert ran.code == code
    found = json.loads(ran.out)
    assert (found["state"], found["silence"]) == (state, "")
    assert [(t["task"], t["state"], t["shards"], t["retries"]) for t in found["tasks"]] == [
        ("1/plan", "done", 0, 0),
        ("1/0/main.0/rollout", "done", 1, 1),
    ]
    said = cladeflow("wait", run, "--profile", profile, "--home", tmp_path)
    assert "1/0/main.0/rollout: done, 1 shard, 1 retry" in said.err
    assert said.out.startswith(f"{run}: {state}{' (out of luck)' * code}")


def test_wait_while_kubeflow_does_not_answer(tmp_path: Path) -> None:
    profile = profile_file(tmp_path, "http://127.0.0.1:9")
    tried(tmp_path, "run-1", "1/plan", "done")
    tried(tmp_path, "run-1", "1/0/main.0/rollout", None)
    waiting = ("wait", "run-1", "--profile", profile, "--home", tmp_path, "--interval", 0.01)
    ran = cladeflow(*waiting, "--timeout", 0.02)
    assert ran.code == 2 and "has not ended after 0.02 s" in ran.err
    assert "cannot be reached" in ran.err and "following the home alone" in ran.err
    assert "1/0/main.0/rollout: running" in ran.err
    line = {"run": "run-1", "state": "SUCCEEDED", "reason": "", "ended": 0.0}
    (tmp_path / "outcomes.jsonl").write_text(json.dumps(line) + "\n")
    assert cladeflow(*waiting).code == 0


@pytest.mark.usefixtures("quickly_compiled")
def test_what_changes_a_home_waits_for_a_run_until_its_end_is_noted(
    server: KfpServer, profile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = begun(tmp_path / "home").directory
    run = str(submitted(profile)["id"])
    monkeypatch.setenv(SILENCE, "3600")
    tried(home, run, "1/plan", "done")
    for command in (("gc",), ("evolve", "--generations", 1), ("retry", "--from", "rollout")):
        assert f"run {run} is at work on {home}" in refused(cladeflow(*command, "--home", home))
    told = cladeflow("status", "--home", home).out
    assert f"run {run} is at work; wait for it ('cladeflow wait {run}')" in told
    assert cladeflow("gc", "--dry-run", "--home", home).code == 0
    cladeflow("cancel", run, "--profile", profile)
    assert cladeflow("wait", run, "--profile", profile, "--home", home).code == 1
    assert cladeflow("gc", "--home", home).code == 0
    assert "was not begun" in refused(cladeflow("retry", "--from", "rollout", "--home", home))


def refused(ran: Ran) -> str:
    assert ran.code == 2 and ran.out == "" and "Traceback" not in ran.err, ran
    return ran.err


def test_what_is_refused_before_anything_is_submitted(
    server: KfpServer, profile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = profile.read_text()

    def submit(*arguments: object, profile: Path = profile) -> str:
        return refused(cladeflow("submit", *arguments, "--profile", profile))

    def altered(old: str, new: str) -> Path:
        path = tmp_path / "altered.yaml"
        path.write_text(text.replace(old, new))
        return path

    assert "cannot be reached" in submit(profile=altered(server.url, "http://127.0.0.1:9"))
    assert "is not of the form" in submit(profile=altered("http://", "http://me:secret@"))
    assert "SOME_TOKEN is not set" in submit(
        profile=altered("#  token_env: KFP_TOKEN", "  token_env: SOME_TOKEN")
    )
    assert "unknown key 'token'" in submit(
        profile=altered("#  token_env: KFP_TOKEN", "  token: abc")
    )
    assert "does not say where Kubeflow Pipelines answers" in submit(
        profile=altered(text[text.index("kfp:\n") :], "")
    )
    assert "is not of the form" in submit(profile=altered(server.url, "ftp://nowhere"))
    assert "lies on none of the volumes" in submit("--home", "/tmp/elsewhere")
    assert "unknown recipe 'defalt'" in submit("defalt")
    assert "holds 1 to 10 generations" in submit("--generations", 11)
    assert "needs role actor in evaluate" in submit(
        profile=altered("roles: [actor]", "roles: [critic]")
    )
    assert "has no digest" in submit(profile=altered("rollout@sha256:" + 64 * "0", "rollout:1"))
    server.token = "right"
    monkeypatch.setenv("SOME_TOKEN", "wr0ng")
    said = submit(profile=altered("#  token_env: KFP_TOKEN", "  token_env: SOME_TOKEN"))
    assert "refuses the credentials" in said and "wr0ng" not in said
    assert not server.changes


def test_status_of_a_cluster_needs_the_home_alone(tmp_path: Path) -> None:
    home = begun(tmp_path).directory
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(GPUS, "2")
        tried(home, "run-1", "1/plan", "done")
        tried(home, "run-1", "1/0/main.0/rollout/share-0", "transient", None)
    line = {"run": "run-1", "state": "FAILED", "reason": "lost", "ended": 0.0}
    (home / "outcomes.jsonl").write_text(json.dumps(line) + "\n")
    ran = cladeflow("status", "--cluster", "--home", home)
    assert ran.code == 0, ran
    assert "run run-1: FAILED (lost), 1970-01-01T00:00:00+00:00" in ran.out
    assert "0.00 GPU hours" in ran.out
    found = json.loads(cladeflow("status", "--cluster", "--home", home, "--json").out)["cluster"]
    assert [(t["task"], t["state"], t["retries"]) for t in found["tasks"]] == [
        ("1/plan", "done", 0),
        ("1/0/main.0/rollout", "killed", 1),
    ]
