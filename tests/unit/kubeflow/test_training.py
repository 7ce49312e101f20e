"""A step and its TrainJob: made once, adopted, followed, told of, removed; on a real HTTP API."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cladeflow.errors import CladeflowError
from cladeflow.failures import failure
from cladeflow.kubeflow.last_words import TRAINJOB, last_word, last_words
from cladeflow.kubeflow.profile import example, parse_profile
from cladeflow.ranks import LostRank
from tests.kfp_extra import require_kfp

require_kfp()

from cladeflow.kubeflow import cluster, patience, training  # noqa: E402
from cladeflow.kubeflow.training import carry_out  # noqa: E402
from cladeflow.kubeflow.trainjob import complete, name_of, template  # noqa: E402
from tests.clusters import two_nodes  # noqa: E402
from tests.fake_api import Fault  # noqa: E402
from tests.kubernetes_server import NAMESPACE, KubernetesServer  # noqa: E402

SPEC = template(parse_profile(two_nodes(example()), "p.yaml"), "fine_tune")
NAME = name_of("/home", "generations/1/0/main.0/fine_tune.0/abc")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(training, "POLL_SECONDS", 0.02)
    monkeypatch.setenv(cluster.NAMESPACE, NAMESPACE)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubernetesServer]:
    with KubernetesServer() as server:
        monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path)))
        yield server


def body(run: str = "run-1", reduced: int = 0, image: str = "") -> dict[str, Any]:
    made = complete(SPEC, NAME, run, "/home", {"generation": 1, "stage": "fine_tune"}, reduced)
    made["spec"]["trainer"]["image"] = image or made["spec"]["trainer"]["image"]
    return made


def meanwhile(server: KubernetesServer, act: Callable[[], None]) -> threading.Thread:
    """Do something as soon as the TrainJob is followed."""

    def wait() -> None:
        while not any(path.endswith("/pods") for _, path in server.requests):
            time.sleep(0.005)
        act()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def succeed(server: KubernetesServer) -> Callable[[], None]:
    def act() -> None:
        server.start(NAME)
        server.end(NAME)

    return act


def test_a_trainjob_is_made_followed_and_removed(
    server: KubernetesServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def act() -> None:
        server.start(NAME)
        server.write(NAME, 0, ["step 1", "step 2"])
        seen = len(server.requests)
        while len(server.requests) < seen + 8:
            time.sleep(0.005)
        server.write(NAME, 0, ["step 3"])
        server.write(NAME, 1, ["hello"])
        server.end(NAME)

    meanwhile(server, act)
    carry_out(tmp_path, body())
    (made,) = server.made
    assert made["spec"]["trainer"]["numNodes"] == 2
    assert not server.jobs
    told = capsys.readouterr().out.splitlines()
    logged = [line.partition("| ")[2] for line in told if f"{NAME}-node-0-0| " in line]
    assert logged == ["step 1", "step 2", "step 3"]
    assert f"{NAME}-node-0-1| hello" in told
    assert [line for line in told if "Complete=True: JobsCompleted" in line]
    assert len([line for line in told if "node-0-1: Running" in line]) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault("POST", "trainjobs$", 429),
        Fault("POST", "trainjobs$", 500),
        Fault("POST", "trainjobs$"),  # the connection is dropped
        Fault("POST", "trainjobs$", 500, after=True),
        Fault("POST", "trainjobs$", after=True),
        Fault("GET", "trainjobs/", 503),
        Fault("GET", "pods$", 500),
        Fault("GET", "/log$", 500),
        Fault("DELETE", "trainjobs/", 429),
        Fault("DELETE", "trainjobs/", after=True),
    ],
)
def test_trouble_of_the_api_makes_no_second_trainjob(
    server: KubernetesServer, tmp_path: Path, fault: Fault
) -> None:
    server.faults = [fault]
    meanwhile(server, succeed(server))
    carry_out(tmp_path, body())
    assert len(server.made) == 1 and not server.jobs and not server.faults


def test_a_trainjob_that_somebody_deletes_is_made_again_by_the_next_attempt(
    server: KubernetesServer, tmp_path: Path
) -> None:
    server.faults = [Fault("POST", "trainjobs$", 409)]  # there when it is made, and gone after
    with pytest.raises(ConnectionError, match="was deleted while it was at work"):
        carry_out(tmp_path, body())
    server.requests.clear()
    meanwhile(server, succeed(server))
    carry_out(tmp_path, body())
    assert len(server.made) == 1


def test_the_api_may_be_away_while_training_goes_on(
    server: KubernetesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def act() -> None:
        server.start(NAME)
        server.faults += [Fault("GET", "trainjobs/", 503)] * (3 * patience.ATTEMPTS)
        while server.faults:
            time.sleep(0.005)
        server.end(NAME)

    meanwhile(server, act)
    carry_out(tmp_path, body())
    assert len(server.made) == 1
    monkeypatch.setattr(training, "OUTAGE_SECONDS", 0.0)
    server.faults += [Fault("GET", "pods$", 503)] * patience.ATTEMPTS
    with pytest.raises(cluster.ClusterUnavailable) as away:
        carry_out(tmp_path, body())
    assert failure(away.value) == "transient"
    assert NAME in server.jobs  # for the next attempt to adopt


@pytest.mark.parametrize("ended", [False, True])
def test_a_step_that_is_started_again_adopts_its_trainjob(
    server: KubernetesServer, tmp_path: Path, ended: bool
) -> None:
    cluster.Cluster().create(body())
    server.start(NAME)
    if ended:
        server.end(NAME)
    else:
        meanwhile(server, lambda: server.end(NAME))
    carry_out(tmp_path, body(reduced=1))
    assert len(server.made) == 1 and not server.jobs


def test_a_trainjob_of_another_run_is_adopted_while_it_is_at_work(
    server: KubernetesServer, tmp_path: Path
) -> None:
    cluster.Cluster().create(body("run-0"))
    meanwhile(server, succeed(server))
    carry_out(tmp_path, body("run-1"))
    assert len(server.made) == 1


@pytest.mark.parametrize("other", ["image", "ended"])
def test_what_another_run_left_is_replaced(
    server: KubernetesServer, tmp_path: Path, other: str
) -> None:
    """A mended image is to be tried, and an old failure is not this run's."""
    old = body("run-0", image="train:old") if other == "image" else body("run-0")
    cluster.Cluster().create(old)
    if other == "ended":
        server.end(NAME, "Failed", "JobsFailed")
    _fail(tmp_path, KeyError("of the old one"))
    server.slow_deletions = 3

    def act() -> None:
        while len(server.made) < 2:
            time.sleep(0.005)
        succeed(server)()

    meanwhile(server, act)
    carry_out(tmp_path, body("run-1"))
    assert [one["metadata"]["labels"]["cladeflow/run"] for one in server.made] == ["run-0", "run-1"]


def _fail(home: Path, error: Exception, rank: int = 0) -> None:
    """What a rank does that fails."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(TRAINJOB, NAME)
        patch.setenv("RANK", str(rank))
        with pytest.raises(type(error)), last_words(home):
            raise error


@pytest.mark.parametrize(
    ("errors", "kind", "reason"),
    [
        ([MemoryError("3 GiB"), LostRank("gone")], "out_of_memory", "3 GiB"),
        ([LostRank("gone"), KeyError("field")], "bug", "field"),
        ([TimeoutError("slow"), CladeflowError("loss nan")], "mistake", "loss nan"),
        ([OSError(116, "stale")], "transient", "stale"),
    ],
)
def test_a_ranks_word_says_what_kind_of_failure_it_is(
    server: KubernetesServer, tmp_path: Path, errors: list[Exception], kind: str, reason: str
) -> None:
    def act() -> None:
        server.start(NAME)
        for rank, error in enumerate(errors):
            _fail(tmp_path, error, rank)
        server.end(NAME, "Failed", "JobsFailed")

    meanwhile(server, act)
    with pytest.raises(Exception, match=reason) as failed:
        carry_out(tmp_path, body())
    assert failure(failed.value) == kind
    assert not server.jobs


def test_a_lost_rank_alone_is_no_news(tmp_path: Path) -> None:
    _fail(tmp_path, LostRank("another process of the training is lost"))
    assert last_word(tmp_path, NAME) is None


@pytest.mark.parametrize(
    ("reason", "terminated", "kind", "said"),
    [
        ("JobsFailed", {"reason": "OOMKilled", "exitCode": 137}, "out_of_memory", "want of memory"),
        ("JobsFailed", {"reason": "Error", "exitCode": 1}, "transient", "the jobs are failed"),
        ("DeadlineExceeded", {"reason": "Error", "exitCode": 143}, "transient", "Deadline"),
        ("TrainingRuntimeNotSupported", None, "mistake", "RuntimeNotSupported"),
    ],
)
def test_what_kubernetes_says_counts_where_no_rank_left_a_word(
    server: KubernetesServer,
    tmp_path: Path,
    reason: str,
    terminated: dict[str, Any] | None,
    kind: str,
    said: str,
) -> None:
    def act() -> None:
        if terminated:
            server.start(NAME)
            server.pod(NAME, 1, {"terminated": terminated}, "Failed")
        server.end(NAME, "Failed", reason)

    meanwhile(server, act)
    with pytest.raises(Exception, match=said) as failed:
        carry_out(tmp_path, body())
    assert failure(failed.value) == kind


def test_the_role_that_is_documented_is_what_the_step_asks_for(
    server: KubernetesServer, tmp_path: Path
) -> None:
    meanwhile(server, succeed(server))
    carry_out(tmp_path, body())
    names = {"POST": "create", "GET": "get", "DELETE": "delete"}
    asked = set()
    for method, path in server.requests:
        rest = path.split(f"/{NAMESPACE}/")[1].split("/")
        resource = "/".join(rest[::2])
        listed = method == "GET" and len(rest) == 1
        asked.add((resource, "list" if listed else names[method]))
    manifest = Path(__file__).parents[3] / "docs" / "manifests" / "trainjobs.yaml"
    role, binding = yaml.safe_load_all(manifest.read_text())
    rules = {
        (r, verb) for rule in role["rules"] for r in rule["resources"] for verb in rule["verbs"]
    }
    assert asked == rules
    assert binding["roleRef"]["name"] == role["metadata"]["name"]


def test_a_step_that_is_told_to_stop_deletes_its_trainjob(
    server: KubernetesServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def act() -> None:
        server.start(NAME)
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    meanwhile(server, act)
    with pytest.raises(SystemExit) as stopped:
        carry_out(tmp_path, body())
    assert stopped.value.code == 143
    assert not server.jobs and server.changes[-1].startswith("DELETE")
    assert signal.getsignal(signal.SIGTERM) == before
    assert "the TrainJob is deleted" in capsys.readouterr().out


def test_a_pod_that_does_not_start_is_told_of(
    server: KubernetesServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}

    def act() -> None:
        server.pod(NAME, 0, waiting, "Pending")
        seen = len(server.requests)
        while len(server.requests) < seen + 6:
            time.sleep(0.005)
        server.end(NAME)

    meanwhile(server, act)
    carry_out(tmp_path, body())
    told = [line for line in capsys.readouterr().out.splitlines() if "ImagePull" in line]
    assert told == [f"TrainJob {NAME}: {NAME}-node-0-0: Pending, ImagePullBackOff, no such image"]


@pytest.mark.parametrize(
    ("status", "verb", "complaint"),
    [
        (403, "POST", "does not let this task create trainjobs.*docs/kubeflow.md"),
        (404, "POST", "is Kubeflow Trainer installed"),
        (422, "POST", "refuses to create"),
        (403, "GET", "does not let this task get trainjobs"),
    ],
)
def test_what_is_refused_is_explained(
    server: KubernetesServer, tmp_path: Path, status: int, verb: str, complaint: str
) -> None:
    server.faults = [Fault(verb, "trainjobs", status)]
    with pytest.raises(CladeflowError, match=complaint) as refused:
        carry_out(tmp_path, body())
    assert failure(refused.value) == "mistake"


def test_without_kubernetes_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with pytest.raises(CladeflowError, match="it cannot be asked"):
        carry_out(tmp_path, body())
