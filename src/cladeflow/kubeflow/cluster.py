"""The Kubernetes API as far as training on several nodes needs it: TrainJobs, pods, logs."""

import logging
import os
from collections.abc import Callable
from typing import Any, TypeVar

from cladeflow.errors import CladeflowError
from cladeflow.kubeflow.extra import missing
from cladeflow.kubeflow.patience import ATTEMPTS, PASSING, Refused, again, said, short
from cladeflow.kubeflow.trainjob import API_VERSION, NODE

T = TypeVar("T")
NAMESPACE = "CLADEFLOW_NAMESPACE"
"""Environment variable with the Kubernetes namespace of a task."""
_GROUP, _, _VERSION = API_VERSION.partition("/")
_LIMITS = {"_request_timeout": 30}
_OF_TRAINJOB = "jobset.sigs.k8s.io/jobset-name"
"""Label of a TrainJob's pods: its JobSet has its name."""


class ClusterUnavailable(ConnectionError):
    """The API could not be reached, or did not come to itself in time."""


class ClusterRefused(Refused):
    """Kubernetes answered that it will not."""


class Cluster:
    """TrainJobs of this process's namespace, with the account of its pod or of a kubeconfig.

    Raises `ClusterUnavailable` where the API does not answer, `ClusterRefused` where it refuses.
    """

    def __init__(self) -> None:
        self.namespace = os.environ.get(NAMESPACE, "default")
        client = _connected()
        from kubernetes import client as kubernetes

        self._objects = kubernetes.CustomObjectsApi(client)
        self._core = kubernetes.CoreV1Api(client)
        self._where = (_GROUP, _VERSION, self.namespace, "trainjobs")

    def create(self, body: dict[str, Any]) -> None:
        """Create a TrainJob, which may be there already: an answer that was lost was a yes."""
        make = self._objects.create_namespaced_custom_object
        try:
            self._asked("create", lambda: make(*self._where, body, **_LIMITS))
        except ClusterRefused as error:
            if error.status != 409:
                raise

    def find(self, name: str) -> dict[str, Any] | None:
        """The TrainJob of this name, if there is one."""
        get = self._objects.get_namespaced_custom_object
        try:
            found: dict[str, Any] = self._asked("get", lambda: get(*self._where, name, **_LIMITS))
        except ClusterRefused as error:
            if error.status == 404:
                return None
            raise
        return found

    def delete(self, name: str, attempts: int = ATTEMPTS) -> None:
        """Remove a TrainJob, which may be gone already; its pods end before it is gone."""
        remove = self._objects.delete_namespaced_custom_object
        fields = {"propagation_policy": "Foreground", **_LIMITS}
        try:
            self._asked("delete", lambda: remove(*self._where, name, **fields), attempts)
        except ClusterRefused as error:
            if error.status != 404:
                raise

    def pods(self, name: str) -> list[Any]:
        """The pods of a TrainJob (``V1Pod``), by name."""
        listing, label = self._core.list_namespaced_pod, f"{_OF_TRAINJOB}={name}"
        found = self._asked(
            "list", lambda: listing(self.namespace, label_selector=label, **_LIMITS), what="pods"
        )
        return sorted(found.items, key=lambda pod: pod.metadata.name)

    def log(self, pod: str, seconds: int | None) -> list[str]:
        """Lines of a pod's log, each after its time: of the last ``seconds``, or all."""
        read = self._core.read_namespaced_pod_log
        more = {"since_seconds": seconds} if seconds else {}
        text = self._asked(
            "get",
            lambda: read(pod, self.namespace, container=NODE, timestamps=True, **more, **_LIMITS),
            attempts=1,
            what="pods/log",
        )
        return str(text).splitlines()

    def _asked(
        self,
        verb: str,
        question: Callable[[], T],
        attempts: int = ATTEMPTS,
        what: str = f"trainjobs.{_GROUP}",
    ) -> T:
        return again(lambda: _answer(question, verb, what), ClusterUnavailable, attempts)


def _answer(question: Callable[[], T], verb: str, what: str) -> T:
    """Ask once; every failure becomes one that says what to do."""
    import urllib3
    from kubernetes.client import ApiException

    try:
        return question()
    except ApiException as error:
        status, reason = error.status or 0, said(error.body)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise ClusterUnavailable(f"Kubernetes cannot be reached ({short(error)})") from None
    if status in PASSING or not status:
        raise ClusterUnavailable(f"Kubernetes answers {status} ({reason}), also after a while")
    if status in (401, 403):
        raise ClusterRefused(
            f"Kubernetes does not let this task {verb} {what} ({status}: {reason}); "
            "kfp.service_account needs the role in docs/kubeflow.md",
            status,
        )
    hint = "; is Kubeflow Trainer installed?" if (status, verb) == (404, "create") else ""
    raise ClusterRefused(f"Kubernetes refuses to {verb} {what} ({status}: {reason}){hint}", status)


def _connected() -> Any:
    try:
        from kubernetes import client, config
    except ImportError as error:
        raise missing("kubernetes", error) from error
    settings = client.Configuration()
    settings.retries = False  # they are ours
    try:
        if "KUBERNETES_SERVICE_HOST" in os.environ:
            config.load_incluster_config(client_configuration=settings)
        else:
            file = os.environ.get("KUBECONFIG")
            config.load_kube_config(config_file=file, client_configuration=settings)
    except config.ConfigException as error:
        raise CladeflowError(
            f"training on several nodes asks Kubernetes for them, and it cannot be asked: {error}"
        ) from error
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    return client.ApiClient(settings)
