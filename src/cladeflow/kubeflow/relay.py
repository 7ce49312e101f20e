"""What a TrainJob's status, pods and logs say, told once as it comes."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from cladeflow.kubeflow.cluster import Cluster, ClusterRefused, ClusterUnavailable

_MARGIN_SECONDS = 5
"""A log is asked for from so long before it was last read; lines known already are left out."""


class Relay:
    """Tells ``say`` what is new of the TrainJob called ``name``. Logs it tells as far as it can."""

    def __init__(self, cluster: Cluster, name: str, say: Callable[[str], None] = print) -> None:
        self._cluster = cluster
        self._name = name
        self._say = say
        self._told: dict[str, str] = {}
        """What was told last, by what it is about."""
        self._read: dict[str, tuple[float, str]] = {}
        """When a pod's log was last read, and the time of its last line."""

    def tell(self, job: dict[str, Any], pods: list[Any]) -> None:
        """Tell what ``job`` and its ``pods`` have come to since the last time."""
        for condition in conditions(job):
            said = f"{condition.get('reason', '')}: {condition.get('message', '')}"
            self.once(f"{condition['type']}={condition['status']}", said)
        for status in job.get("status", {}).get("jobsStatus", ()):
            counts = [f"{k} {v}" for k, v in status.items() if k != "name" and v]
            self.once(f"job {status['name']}", ", ".join(counts))
        for pod in pods:
            self.once(pod.metadata.name, _state(pod))
            if any(map(_has_a_log, _containers(pod))):
                self._tell_log(pod.metadata.name)

    def once(self, about: str, said: str) -> None:
        """Tell something, unless that is what was told last."""
        if self._told.get(about) != said:
            self._told[about] = said
            self._say(f"TrainJob {self._name}: {about}: {said}")

    def _tell_log(self, pod: str) -> None:
        when, newest = self._read.get(pod, (0.0, ""))
        now = time.monotonic()
        try:
            lines = self._cluster.log(pod, int(now - when) + _MARGIN_SECONDS if when else None)
        except (ClusterRefused, ClusterUnavailable) as error:  # training goes on without
            self.once(f"{pod} log", str(error))
            return
        for line in lines:
            stamp, _, text = line.partition(" ")
            if stamp > newest:
                self._say(f"{pod}| {text}")
        self._read[pod] = (now, max([newest, *(line.partition(" ")[0] for line in lines)]))


def conditions(job: dict[str, Any]) -> list[dict[str, Any]]:
    """The conditions of a TrainJob's status."""
    found: list[dict[str, Any]] = job.get("status", {}).get("conditions") or []
    return found


def short_of_memory(pods: list[Any]) -> str:
    """The first pod that was killed for want of memory; empty where none was."""
    for pod in pods:
        for container in _containers(pod):
            for state in (container.state, container.last_state):
                ended = state and state.terminated
                if ended and ended.reason == "OOMKilled":
                    return str(pod.metadata.name)
    return ""


def _containers(pod: Any) -> Iterator[Any]:
    yield from pod.status.container_statuses or ()


def _has_a_log(container: Any) -> bool:
    return bool(container.state and (container.state.running or container.state.terminated))


def _state(pod: Any) -> str:
    """A pod's phase, and what it waits for or how it ended."""
    parts = [pod.status.phase]
    for container in _containers(pod):
        waiting, ended = container.state.waiting, container.state.terminated
        if waiting:
            parts += [waiting.reason, waiting.message]
        if ended:
            parts += [ended.reason, f"exit code {ended.exit_code}"]
        if container.restart_count:
            parts.append(f"{container.restart_count} restarts")
    for condition in pod.status.conditions or ():
        if condition.type == "PodScheduled" and condition.status == "False":
            parts += [condition.reason, condition.message]
    return ", ".join(part for part in parts if part)
