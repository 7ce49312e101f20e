"""The Kubernetes API of a namespace with Kubeflow Trainer: TrainJobs, their pods and logs.

TrainJobs are validated with the models of ``kubeflow-trainer-api``, and as its webhooks do: names,
reserved variables, the runtime's containers. What becomes of a TrainJob is up to the test.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from kubeflow_trainer_api.models import TrainerV1alpha1TrainJob
from pydantic import ValidationError

from tests.fake_api import FakeApi, Refused

NAMESPACE = "team-a"
_JOBS = f"/apis/trainer.kubeflow.org/v1alpha1/namespaces/{NAMESPACE}/trainjobs"
_PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
RUNTIMES = ("torch-distributed",)
CREATED = "2026-01-01T00:00:00Z"


class KubernetesServer(FakeApi):
    """State is plain dicts, in the API's own fields."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs: dict[str, dict[str, Any]] = {}
        self.pods: dict[str, dict[str, Any]] = {}
        self.logs: dict[str, list[str]] = {}
        """Lines by pod."""
        self.made: list[dict[str, Any]] = []
        """Every TrainJob that was ever created."""
        self.slow_deletions = 0
        """How often a TrainJob is still found after it was deleted."""

    # What a test does to it

    def kubeconfig(self, directory: Path) -> Path:
        """A file that says where this server is."""
        context = {"cluster": "fake", "user": "fake", "namespace": NAMESPACE}
        path = directory / "kubeconfig.yaml"
        fields = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "fake", "cluster": {"server": self.url}}],
            "users": [{"name": "fake", "user": {"token": "secret"}}],
            "contexts": [{"name": "fake", "context": context}],
            "current-context": "fake",
        }
        path.write_text(yaml.safe_dump(fields))
        return path

    def start(self, name: str) -> None:
        """Let a TrainJob's pods run."""
        nodes = self.jobs[name]["spec"]["trainer"]["numNodes"]
        for node in range(nodes):
            self.pod(name, node, {"running": {"startedAt": CREATED}})
        with self.lock:
            status = dict.fromkeys(("active", "failed", "ready", "succeeded", "suspended"), 0)
            status |= {"name": "node", "active": 1, "ready": 1}
            self.jobs[name]["status"] = {"jobsStatus": [status]}

    def pod(self, name: str, node: int, state: dict[str, Any], phase: str = "Running") -> None:
        """Put a pod of a TrainJob into a state."""
        container = {"name": "node", "state": state, "restartCount": 0, "ready": True}
        container |= {"image": "i", "imageID": "i", "lastState": {}}
        with self.lock:
            self.pods[f"{name}-node-0-{node}"] = {
                "metadata": {
                    "name": f"{name}-node-0-{node}",
                    "labels": {"jobset.sigs.k8s.io/jobset-name": name},
                },
                "status": {"phase": phase, "containerStatuses": [container]},
            }

    def write(self, name: str, node: int, lines: Iterable[str]) -> None:
        """Write to a pod's log."""
        with self.lock:
            log = self.logs.setdefault(f"{name}-node-0-{node}", [])
            for line in lines:
                log.append(f"2026-01-01T00:00:{len(log):02d}.000000000Z {line}")

    def end(self, name: str, kind: str = "Complete", reason: str = "JobsCompleted") -> None:
        """Let a TrainJob come to an end."""
        condition = {
            "type": kind,
            "status": "True",
            "reason": reason,
            "message": f"the jobs are {kind.lower()}",
            "lastTransitionTime": CREATED,
        }
        with self.lock:
            self.jobs[name].setdefault("status", {})["conditions"] = [condition]

    # What it answers

    def answer(self, method: str, path: str, query: dict[str, str], body: Any, token: str) -> Any:
        if token != "Bearer secret":
            raise Refused(401, "Unauthorized")
        if path == _JOBS and method == "POST":
            return self._create(body)
        if path.startswith(f"{_JOBS}/"):
            return self._job(method, path.removeprefix(f"{_JOBS}/"), query)
        if path == _PODS and method == "GET":
            label, _, name = query["labelSelector"].partition("=")
            pods = [p for p in self.pods.values() if p["metadata"]["labels"][label] == name]
            return {"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": pods}
        if path.startswith(f"{_PODS}/") and path.endswith("/log"):
            assert (query["container"], query["timestamps"]) == ("node", "True")
            return "\n".join(self.logs.get(path.split("/")[-2], []))
        raise Refused(404, f"{method} {path} not found")

    def _create(self, body: dict[str, Any]) -> Any:
        name = body["metadata"]["name"]
        validate(body)
        if name in self.jobs:
            raise Refused(409, f"trainjobs {name!r} already exists")
        body["metadata"] |= {"namespace": NAMESPACE, "creationTimestamp": CREATED}
        self.jobs[name] = body
        self.made.append(body)
        return body

    def _job(self, method: str, name: str, query: dict[str, str]) -> Any:
        if name not in self.jobs:
            raise Refused(404, f"trainjobs {name!r} not found")
        job = self.jobs[name]
        if method == "DELETE":
            assert query["propagationPolicy"] == "Foreground"
            job["metadata"]["deletionTimestamp"] = CREATED
        if "deletionTimestamp" in job["metadata"]:
            self.slow_deletions -= 1
            if self.slow_deletions < 0:
                self._remove(name)
        return job

    def _remove(self, name: str) -> None:
        del self.jobs[name]
        self.pods = {pod: one for pod, one in self.pods.items() if not pod.startswith(name)}


def validate(body: dict[str, Any]) -> None:
    """Raise `Refused` where ``body`` is no TrainJob that Kubeflow Trainer lets in."""
    try:
        read = TrainerV1alpha1TrainJob.from_dict(body)
    except (ValidationError, ValueError) as error:
        raise Refused(422, str(error)) from error
    if read is None or read.to_dict() != body:
        raise Refused(422, "unknown fields")
    name, spec = body["metadata"]["name"], body["spec"]
    if not _NAME.fullmatch(name) or len(f"{name}-node-0-00-abcde") > 63:
        raise Refused(422, f"{name} is no name")
    if spec["runtimeRef"]["name"] not in RUNTIMES:
        raise Refused(422, f"there is no runtime {spec['runtimeRef']['name']}")
    variables = [one["name"] for one in spec["trainer"]["env"]]
    if any(name.startswith("PET_") for name in variables) or len(set(variables)) < len(variables):
        raise Refused(422, f"reserved or double: {variables}")
    for patch in spec["runtimePatches"]:
        for job in patch["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"]:
            containers = job["template"]["spec"]["template"]["spec"]["containers"]
            named = {(job["name"], one["name"]) for one in containers}
            if named != {("node", "node")} or any("env" in one for one in containers):
                raise Refused(422, f"the runtime does not allow to patch {named}")
