"""A TrainJob's body: what the profile says and what the step adds, in Kubeflow Trainer's terms."""

import json
from typing import Any

import pytest

from cladeflow.kubeflow.profile import Profile, example, parse_profile
from tests.clusters import two_nodes
from tests.kfp_extra import require_kfp

require_kfp()

from cladeflow.kubeflow.trainjob import STAGE_LABEL, complete, name_of, template  # noqa: E402
from tests.fake_api import Refused  # noqa: E402
from tests.kubernetes_server import validate  # noqa: E402

CALL = {"generation": 1, "child": 0, "round": "main", "stage": "fine_tune", "update": 0}
ZEROS = "@sha256:" + "0" * 64


def profile() -> Profile:
    text = two_nodes(example()).replace("pull_secrets: []", "pull_secrets: [regcred]")
    text = text.replace("secrets: {}\n", "secrets: {mlflow: {password: MLFLOW_PASSWORD}}\n", 1)
    text = text.replace("#trainer: {runtime: torch-distributed", "trainer: {runtime: mine")
    return parse_profile(text.replace("kind: Cluster", "kind: "), "p.yaml")


def body(reduced: int = 0) -> dict[str, Any]:
    return complete(template(profile(), "fine_tune"), "cladeflow-1", "run-1", "/h", CALL, reduced)


def test_every_node_gets_what_the_stage_says() -> None:
    spec = body()["spec"]
    assert spec["runtimeRef"] == {"name": "mine", "kind": "TrainingRuntime"}
    assert spec["activeDeadlineSeconds"] == 86400
    trainer = spec["trainer"]
    assert trainer["image"] == f"registry.example.org/cladeflow/train{ZEROS}"
    assert (trainer["numNodes"], trainer["numProcPerNode"]) == (2, 2)
    amounts = {"cpu": "8", "memory": "64Gi", "nvidia.com/gpu": "2"}
    assert trainer["resourcesPerNode"] == {"limits": amounts, "requests": amounts}
    (patch,) = spec["runtimePatches"]
    (node,) = patch["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"]
    assert node["template"]["spec"]["template"]["metadata"]["labels"] == {STAGE_LABEL: "fine_tune"}
    pod = node["template"]["spec"]["template"]["spec"]
    assert node["name"] == "node" and pod["imagePullSecrets"] == [{"name": "regcred"}]
    assert pod["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    ]
    assert "nodeSelector" not in pod
    mounts = {mount["mountPath"]: mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
    volumes = {volume.pop("name"): volume for volume in pod["volumes"]}
    assert volumes[mounts["/cladeflow"]] == {"persistentVolumeClaim": {"claimName": "cladeflow"}}
    assert volumes[mounts["/dev/shm"]] == {"emptyDir": {"medium": "Memory"}}


def test_every_node_runs_the_call_under_torchrun() -> None:
    made = body(reduced=2)
    command = made["spec"]["trainer"]["command"]
    assert command[:6] == ["python3", "-m", "torch.distributed.run", "-m", "cladeflow", "step"]
    options = dict(zip(command[6::2], command[7::2], strict=True))
    assert (options["--home"], options["--reduced"]) == ("/h", "2")
    assert json.loads(options["--call"]) == CALL
    variables = {one["name"]: one.get("value") for one in made["spec"]["trainer"]["env"]}
    assert variables == {
        "OMP_WAIT_POLICY": "PASSIVE",
        "MLFLOW_PASSWORD": None,
        "CLADEFLOW_RUN": "run-1",
        "CLADEFLOW_TRAINJOB": "cladeflow-1",
    }
    assert made["metadata"]["labels"]["cladeflow/run"] == "run-1"


def test_the_name_is_that_of_the_commit() -> None:
    key = "generations/1/0/main.0/fine_tune.0/abc"
    assert name_of("/h", key) == name_of("/h", key)
    assert len({name_of("/h", key), name_of("/other", key), name_of("/h", key + "d")}) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"numNodes": "2"},
        {"nodes": 2},
        {"env": [{"name": "PET_NNODES", "value": "2"}]},
        {"env": [{"name": "A", "value": "2"}] * 2},
    ],
)
def test_the_fake_api_refuses_what_kubeflow_trainer_refuses(change: dict[str, Any]) -> None:
    made = complete(template(parse_profile(two_nodes(example()), "p"), "fine_tune"), *REST)
    validate(made)
    made["spec"]["trainer"] |= change
    with pytest.raises(Refused):
        validate(made)


REST: Any = ("cladeflow-1", "run-1", "/h", CALL, 0)
