"""The client against a real HTTP server: patience, one thing per name, errors that say enough."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cladeflow.errors import CladeflowError
from cladeflow.kubeflow.endpoint import Endpoint
from tests.kfp_extra import require_kfp

require_kfp()

from cladeflow.kubeflow import patience  # noqa: E402
from cladeflow.kubeflow.api import Kfp, Run  # noqa: E402
from cladeflow.kubeflow.patience import KfpRefused, KfpUnavailable  # noqa: E402
from tests.fake_api import Fault, Refused  # noqa: E402
from tests.kfp_server import KfpServer, validate  # noqa: E402

SPEC = {"pipeline_spec": {"pipelineInfo": {"name": "p"}}, "platform_spec": {}}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSE_SECONDS", 0.01)


@pytest.fixture
def server() -> Iterator[KfpServer]:
    with KfpServer() as server:
        yield server


def client(server: KfpServer, **fields: Any) -> Kfp:
    return Kfp(Endpoint(**{"endpoint": server.url, "timeout": 5, **fields}))


def submit(api: Kfp, name: str = "one") -> Run:
    return api.create_run(name, SPEC, {"generation": 0}, "a test")


def test_a_run_is_created_found_and_cancelled(server: KfpServer) -> None:
    api = client(server)
    run = submit(api)
    assert (run.name, run.state, run.ended) == ("one", "PENDING", False)
    assert api.run(run.id) == run and api.runs() == [run]
    assert server.runs[run.id]["runtime_config"] == {"parameters": {"generation": 0}}
    assert server.runs[run.id]["pipeline_spec"] == SPEC
    api.cancel(run.id)
    assert api.run(run.id).state == "CANCELED"


def test_one_name_never_makes_two_runs(server: KfpServer) -> None:
    assert submit(client(server)) == submit(client(server))
    assert submit(client(server), "two").id != submit(client(server)).id
    assert len(server.runs) == 2


@pytest.mark.parametrize(
    "fault",
    [
        Fault("POST", "^/runs$", 500, after=True),
        Fault("POST", "^/runs$", 0, after=True),
        Fault("POST", "^/runs$", 200, after=True, seconds=0.6),
    ],
    ids=["error after it took effect", "connection dropped after", "answer too slow"],
)
def test_a_run_whose_answer_was_lost_is_found_again(server: KfpServer, fault: Fault) -> None:
    api = client(server, timeout=0.3)
    api.experiment()
    server.faults.append(fault)
    run = submit(api)
    assert list(server.runs) == [run.id]
    assert server.changes.count("POST /runs") == 1


@pytest.mark.parametrize("status", [429, 500, 503, 0])
def test_passing_faults_are_waited_out(server: KfpServer, status: int) -> None:
    server.faults += [Fault("GET", "experiments", status)] * 2
    server.faults += [Fault("POST", "^/runs$", status)] * 3
    run = submit(client(server))
    assert list(server.runs) == [run.id]
    assert server.changes.count("POST /runs") == 4


def test_of_two_that_came_to_be_the_oldest_stays(server: KfpServer) -> None:
    api = client(server)
    first = submit(api)
    double = {**server.runs[first.id], "run_id": "double", "born": 99}
    server.runs["double"] = double
    assert submit(api).id == first.id
    assert double["state"] == "CANCELED"


def test_somebody_who_was_faster_is_no_failure(server: KfpServer) -> None:
    server.faults.append(Fault("POST", "experiments", 409, after=True))
    assert submit(client(server)).name == "one"
    assert len(server.experiments) == 1


def test_a_page_to_log_in_at_is_no_kubeflow(server: KfpServer) -> None:
    server.content_type = "text/html"
    with pytest.raises(KfpRefused, match=r"answers with text/html, not as Kubeflow Pipelines"):
        client(server).check()


def test_patience_ends(server: KfpServer) -> None:
    server.faults += [Fault("GET", "experiments", 429)] * 20
    with pytest.raises(KfpUnavailable, match="answers 429"):
        client(server).check()
    assert len(server.faults) == 17


def test_nobody_answers() -> None:
    nowhere = Kfp(Endpoint(endpoint="http://127.0.0.1:9", timeout=1))
    with pytest.raises(KfpUnavailable, match=r"127.0.0.1:9 cannot be reached .*port-forward"):
        nowhere.check()


def test_wrong_credentials_are_named_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KFP_TOKEN", "s3cret-token")
    with KfpServer(token="another") as server:
        with pytest.raises(KfpRefused, match=r"refuses the credentials .*KFP_TOKEN") as caught:
            client(server, token_env="KFP_TOKEN").check()
        assert "s3cret-token" not in str(caught.value)
        assert len(server.requests) == 1  # asking again would not help
        monkeypatch.setenv("KFP_TOKEN", "another")
        client(server, token_env="KFP_TOKEN").check()


def test_a_token_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-a-file\n")
    with KfpServer(token="from-a-file") as server:
        client(server, token_file=tmp_path / "token").check()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"token_env": "NO_SUCH_TOKEN"}, "NO_SUCH_TOKEN is not set"),
        ({"token_file": "/nowhere/token"}, "cannot be read"),
    ],
)
def test_a_token_that_is_not_there(fields: dict[str, Any], expected: str) -> None:
    with pytest.raises(CladeflowError, match=expected):
        Kfp(Endpoint(endpoint="http://127.0.0.1:9", **fields))


def test_unknown_runs_are_refused(server: KfpServer) -> None:
    with pytest.raises(KfpRefused, match="404"):
        client(server).run("nosuch")


def test_cancelling_what_was_cancelled_by_a_lost_answer(server: KfpServer) -> None:
    api = client(server)
    run = submit(api)
    server.faults.append(Fault("POST", "terminate", 500, after=True))
    api.cancel(run.id)
    assert api.run(run.id).state == "CANCELED"


def test_recurring_runs(server: KfpServer) -> None:
    api = client(server)
    one = api.create_recurring("nightly", SPEC, "0 0 2 * * *", 1, False, "a test")
    assert (one.enabled, one.cron, one.concurrency) == (False, "0 0 2 * * *", 1)
    assert server.recurring[one.id]["no_catchup"] is True
    api.enable(one.id)
    assert [found.enabled for found in api.recurring()] == [True]
    api.disable(one.id)
    api.delete(one.id)
    api.delete(one.id)  # it may be gone already
    assert api.recurring() == []


def test_every_page_is_read(server: KfpServer) -> None:
    api = client(server)
    first = submit(api)
    for index in range(230):
        server.runs[f"r{index}"] = {
            **server.runs[first.id], "run_id": f"r{index}", "display_name": f"r{index}"
        }  # fmt: skip
    assert len(api.runs()) == 231
    assert len(api.runs(limit=7)) == 7


def test_the_server_is_strict() -> None:
    validate({"display_name": "x", "runtime_config": {"parameters": {}}}, "V2beta1Run")
    for body, problem in (
        ({"name": "x"}, "unknown field 'name'"),
        ({"display_name": 3}, "is no str"),
        ({"runtime_config": {"parameter": {}}}, "unknown field 'parameter'"),
    ):
        with pytest.raises(Refused, match=problem):
            validate(body, "V2beta1Run")
    with pytest.raises(Refused, match="'ON' is none of"):
        validate({"mode": "ON"}, "V2beta1RecurringRun")
