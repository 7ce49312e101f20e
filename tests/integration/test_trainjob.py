"""A step trains on two nodes: a fake Kubernetes, whose pods are real torchruns on this machine."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from cladeflow.graph import Node
from cladeflow.home import Home
from cladeflow.kubeflow.attempts import RUN, Ledger
from cladeflow.kubeflow.profile import example, parse_profile
from cladeflow.models.loading import load_model
from cladeflow.session import Session
from cladeflow.store import materialise
from cladeflow.visit import Visit
from tests.clusters import two_nodes
from tests.homes import begun
from tests.kfp_extra import require_kfp

require_kfp()

from cladeflow.kubeflow import cluster, step, training  # noqa: E402
from cladeflow.kubeflow.trainjob import template  # noqa: E402
from tests.kubernetes_server import NAMESPACE, KubernetesServer  # noqa: E402

CALL = {"generation": 1, "child": 0, "round": "main", "stage": "fine_tune", "update": 0}
PROFILE = two_nodes(example()).replace("count: 2", "count: 1")
ORDER = json.dumps({**CALL, "trainjob": template(parse_profile(PROFILE, "p"), "fine_tune")})


class Nodes:
    """Does for TrainJobs what their controller does, on this machine."""

    def __init__(self, server: KubernetesServer) -> None:
        self._server = server

    def serve(self) -> None:
        """Run the next TrainJob to its end."""
        while not self._server.made:
            time.sleep(0.05)
        job = self._server.made[-1]
        name, trainer = job["metadata"]["name"], job["spec"]["trainer"]
        self._server.start(name)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        pods = [self._pod(trainer, node, port) for node in range(trainer["numNodes"])]
        writers = [
            threading.Thread(target=lambda n=n, p=p: self._server.write(name, n, p.stdout or ()))
            for n, p in enumerate(pods)
        ]
        for writer in writers:
            writer.start()
        ended = [pod.wait() for pod in pods]
        for writer in writers:
            writer.join()
        if name in self._server.jobs:
            self._server.end(name, *(("Failed", "JobsFailed") if any(ended) else ()))

    def _pod(self, trainer: dict[str, Any], node: int, port: int) -> "subprocess.Popen[str]":
        given = {one["name"]: one["value"] for one in trainer["env"]}
        told = {
            "PET_NNODES": str(trainer["numNodes"]),
            "PET_NPROC_PER_NODE": str(trainer["numProcPerNode"]),
            "PET_NODE_RANK": str(node),
            "PET_MASTER_ADDR": "127.0.0.1",
            "PET_MASTER_PORT": str(port),
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        command = [sys.executable, *trainer["command"][1:]]
        return subprocess.Popen(
            command,
            env={**os.environ, **given, **told},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubernetesServer]:
    """A cluster on which nothing happens to TrainJobs by itself."""
    monkeypatch.setattr(training, "POLL_SECONDS", 0.2)
    monkeypatch.setenv(cluster.NAMESPACE, NAMESPACE)
    monkeypatch.setenv(RUN, "run-1")
    with KubernetesServer() as server:
        monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path)))
        yield server


@pytest.fixture
def nodes(server: KubernetesServer) -> Iterator[KubernetesServer]:
    """A cluster for one TrainJob."""
    thread = threading.Thread(target=Nodes(server).serve, daemon=True)
    thread.start()
    yield server
    thread.join(timeout=60)


@pytest.fixture(scope="module")
def gathered(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home in which all is there that the update learns from."""
    settings = ("scale.tasks=24", "scale.training.micro_tokens=48")
    home = begun(tmp_path_factory.mktemp("gathered") / "home", "star", *settings)
    with Session(home) as session:
        visit = Visit(session)
        for node in visit.nodes(1):
            if node.call.stage == "fine_tune":
                return home
            visit.commit(node)
    raise AssertionError("there is no update")


def update(visit: Visit) -> Node:
    """The update, after what it needs was found."""
    for node in visit.nodes(1):
        if node.call.stage == "fine_tune":
            return node
        visit.found(node)
    raise AssertionError("there is no update")


def trained(home: Home) -> tuple[torch.Tensor, dict[str, Any]]:
    """The weights that the update committed, and its values."""
    with Session(home) as session:
        visit = Visit(session)
        commit = visit.commit(update(visit))
        model = load_model(
            materialise(session.store, commit.models["actor"]), dtype="float32", device="cpu"
        )
    return torch.cat([p.detach().flatten() for p in model.parameters()]), commit.values


def copied(home: Home, directory: Path) -> Home:
    shutil.copytree(home.directory, directory)
    return Home(directory)


@pytest.mark.slow
def test_two_nodes_commit_what_one_process_would(
    nodes: KubernetesServer,
    gathered: Home,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    alone, together = (copied(gathered, tmp_path / name) for name in ("alone", "together"))
    step.run(str(together.directory), ORDER)
    told = capsys.readouterr().out
    assert "node-0-1: Running" in told and "Complete=True" in told
    assert len(nodes.made) == 1 and not nodes.jobs
    attempts = Ledger(together.directory).of("1/0/main.0/fine_tune.0")
    assert [attempt.outcome for attempt in attempts] == ["done"]
    made = {key.split("/fine_tune.0/")[1] for key in together.store().list("") if "fine_t" in key}
    assert len({key.split("/")[1] for key in made if "/" in key} - {"commit.json"}) == 1
    (one, values), (two, same) = trained(alone), trained(together)
    assert values == same and values["steps"] >= 2
    assert (two - one).abs().max() < 0.02 * one.abs().max()
    assert (two - one).norm() < 1e-3 * one.norm()
    step.run(str(together.directory), ORDER)  # the commit is there: nothing is asked for
    assert len(nodes.made) == 1


@pytest.mark.slow
def test_what_stops_the_ranks_stops_the_step(
    nodes: KubernetesServer, gathered: Home, tmp_path: Path
) -> None:
    home = copied(gathered, tmp_path / "home")
    with Session(home) as session:
        visit = Visit(session)
        scratch = home.scratch(visit.address(update(visit)).rpartition("/")[2])
    scratch.mkdir(parents=True)
    (scratch / "checkpoint.pt").write_text("no checkpoint")
    with pytest.raises(SystemExit, match=r"(?s)checkpoint.pt: damaged .*delete it"):
        step.run(str(home.directory), ORDER)
    (attempt,) = Ledger(home.directory).of("1/0/main.0/fine_tune.0")
    assert attempt.outcome == "mistake" and "TrainJob cladeflow-" in attempt.reason
    assert not nodes.jobs


def test_a_trainjob_that_trained_somewhere_else_is_a_mistake(
    server: KubernetesServer, gathered: Home, tmp_path: Path
) -> None:
    home = copied(gathered, tmp_path / "home")

    def end() -> None:
        while not server.made:
            time.sleep(0.01)
        server.end(server.made[0]["metadata"]["name"])

    threading.Thread(target=end, daemon=True).start()
    with pytest.raises(SystemExit, match="do its pods mount the same volume"):
        step.run(str(home.directory), ORDER)
    (attempt,) = Ledger(home.directory).of("1/0/main.0/fine_tune.0")
    assert attempt.outcome == "mistake"
