"""Bodies of TrainJobs: training on several nodes, as Kubeflow Trainer reads it.

Built at compile time, so that what does not fit is refused there; the step completes it with what
only a run knows. Every body is checked with the models of ``kubeflow-trainer-api``.
"""

import json
from collections.abc import Mapping
from typing import Any

from cladeflow.kubeflow.attempts import RUN
from cladeflow.kubeflow.extra import missing
from cladeflow.kubeflow.last_words import TRAINJOB
from cladeflow.kubeflow.profile import Profile
from cladeflow.records import digest

API_VERSION = "trainer.kubeflow.org/v1alpha1"
RUN_LABEL = "cladeflow/run"
STAGE_LABEL = "cladeflow/stage"
"""Of pods: the stage as the metrics have it, by which the Cluster dashboard counts them."""
NODE = "node"
"""What Kubeflow Trainer's runtimes call the job and the container that train."""


def template(profile: Profile, stage: str) -> dict[str, Any]:
    """The TrainJob's spec, as far as the profile decides it."""
    wanted = profile.stage(stage)
    assert wanted.gpu is not None  # the profile was refused without
    amounts = {
        "cpu": wanted.cpu,
        "memory": wanted.memory,
        wanted.gpu.type: str(wanted.gpu.count),
    }
    spec = {
        "runtimeRef": {"name": profile.trainer.runtime, "kind": profile.trainer.kind},
        "activeDeadlineSeconds": wanted.timeout,
        "trainer": {
            "image": profile.image(wanted.image),
            "numNodes": wanted.nodes,
            "numProcPerNode": wanted.gpu.count,
            "resourcesPerNode": {"limits": amounts, "requests": amounts},
            "env": _environment(profile),
        },
        "runtimePatches": [_patch(stage, _pod(profile, stage))],
    }
    complete(spec, name_of("", ""), "", "", {}, 0)  # refuses here what would be refused later
    return spec


def name_of(home: str, key: str) -> str:
    """The one name of the TrainJob that makes the commit at ``key`` of a home.

    Pods and services get names that are longer by up to 20 characters, of 63.
    """
    return f"cladeflow-{digest([home, key])[:16]}"


def complete(
    spec: Mapping[str, Any], name: str, run: str, home: str, call: Mapping[str, Any], reduced: int
) -> dict[str, Any]:
    """The TrainJob called ``name`` that carries out a stage call; `template` made its ``spec``."""
    command = ["python3", "-m", "torch.distributed.run", "-m", "cladeflow", "step"]
    command += ["--home", home, "--call", json.dumps(call), "--reduced", str(reduced)]
    own = [{"name": RUN, "value": run}, {"name": TRAINJOB, "value": name}]
    trainer = spec["trainer"]
    labels = {
        "app.kubernetes.io/name": "cladeflow",
        "app.kubernetes.io/component": "fine-tune",
        RUN_LABEL: run,
    }
    return _checked(
        {
            "apiVersion": API_VERSION,
            "kind": "TrainJob",
            "metadata": {"name": name, "labels": labels},
            "spec": {
                **spec,
                "trainer": {**trainer, "command": command, "env": [*trainer["env"], *own]},
            },
        }
    )


def _environment(profile: Profile) -> list[dict[str, Any]]:
    plain = [{"name": name, "value": value} for name, value in profile.environment.items()]
    secret = [
        {"name": variable, "valueFrom": {"secretKeyRef": {"name": name, "key": key}}}
        for name, keys in profile.secrets.items()
        for key, variable in keys.items()
    ]
    return [*plain, *secret]


def _pod(profile: Profile, stage: str) -> dict[str, Any]:
    """What the nodes' pods have besides the trainer's own fields; nothing that is empty."""
    wanted = profile.stage(stage)
    volumes: list[dict[str, Any]] = [{"name": "shared-memory", "emptyDir": {"medium": "Memory"}}]
    mounts = [{"name": "shared-memory", "mountPath": "/dev/shm"}]  # NCCL's, within a node
    for index, volume in enumerate(profile.volumes):
        claim = {"claimName": volume.claim}
        volumes.append({"name": f"volume-{index}", "persistentVolumeClaim": claim})
        mounts.append({"name": f"volume-{index}", "mountPath": volume.mount})
    pod = {
        "volumes": volumes,
        "containers": [{"name": NODE, "volumeMounts": mounts}],
        "nodeSelector": wanted.selectors,
        "tolerations": [one.model_dump(exclude_none=True) for one in wanted.tolerations],
        "imagePullSecrets": [{"name": name} for name in profile.pull_secrets],
    }
    return {field: value for field, value in pod.items() if value}


def _patch(stage: str, pod: dict[str, Any]) -> dict[str, Any]:
    template = {"metadata": {"labels": {STAGE_LABEL: stage}}, "spec": pod}
    jobs = [{"name": NODE, "template": {"spec": {"template": template}}}]
    return {
        "manager": "cladeflow",
        "trainingRuntimeSpec": {"template": {"spec": {"replicatedJobs": jobs}}},
    }


def _checked(body: dict[str, Any]) -> dict[str, Any]:
    """``body``, which Kubeflow Trainer's models can hold without loss."""
    try:
        from kubeflow_trainer_api.models import TrainerV1alpha1TrainJob
    except ImportError as error:
        raise missing("kubeflow_trainer_api", error) from error
    read = TrainerV1alpha1TrainJob.from_dict(body).to_dict()
    assert read == body, f"no TrainJob: {body}"
    return body
