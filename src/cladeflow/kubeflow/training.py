"""The step that has a TrainJob do its work: made or adopted, followed to its end, removed.

The name is that of the commit to be made, so that a step that is started again finds the TrainJob
of the one before. It is left alone when the step is lost, and removed when the step is told to
stop, when it has failed, and when it is done.
"""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cladeflow.errors import CladeflowError
from cladeflow.failures import Failure
from cladeflow.kubeflow.cluster import Cluster, ClusterUnavailable
from cladeflow.kubeflow.last_words import LastWord, forget, last_word
from cladeflow.kubeflow.relay import Relay, conditions, short_of_memory
from cladeflow.kubeflow.trainjob import RUN_LABEL

POLL_SECONDS = 5.0
OUTAGE_SECONDS = 900.0
"""How long the API may be away while a TrainJob is followed: long enough to upgrade it."""
_ENDS = ("Complete", "Failed")
_ERRORS: dict[Failure, type[Exception]] = {
    "bug": RuntimeError,
    "mistake": CladeflowError,
    "out_of_memory": MemoryError,
    "transient": ConnectionError,
}
"""What `failure` takes for each kind."""


class _Stopped(BaseException):
    """SIGTERM: the run was cancelled, or the pod is to make room."""


def carry_out(home: Path, body: dict[str, Any]) -> None:
    """See a TrainJob through; raises an error of the kind of failure that it came to.

    On SIGTERM the TrainJob is deleted and the process ends with status 143.
    """
    cluster, name = Cluster(), body["metadata"]["name"]
    relay = Relay(cluster, name)
    try:
        with _stoppable():
            _begin(cluster, relay, home, body)
            word = _followed(cluster, relay, home, name)
    except (_Stopped, KeyboardInterrupt):
        cluster.delete(name, attempts=1)
        relay.once("step", "told to stop; the TrainJob is deleted")
        sys.exit(128 + signal.SIGTERM)
    cluster.delete(name)
    if word is not None:
        raise _ERRORS[word.kind](f"TrainJob {name}: {word.reason}")


def _begin(cluster: Cluster, relay: Relay, home: Path, body: dict[str, Any]) -> None:
    """Make the TrainJob, unless an earlier step has."""
    name = body["metadata"]["name"]
    found = cluster.find(name)
    if found is not None and _adoptable(found, body):
        relay.once("step", "adopted; an earlier attempt made it")
        return
    if found is not None:
        cluster.delete(name)
    while cluster.find(name) is not None:
        relay.once("step", "waiting until an older one is gone")
        time.sleep(POLL_SECONDS)
    forget(home, name)
    cluster.create(body)
    relay.once("step", f"created, {body['spec']['trainer']['numNodes']} nodes")


def _adoptable(found: dict[str, Any], body: dict[str, Any]) -> bool:
    """Whether a TrainJob does what this one would: same image; at work, or ended in this run."""
    run = found["metadata"].get("labels", {}).get(RUN_LABEL)
    return (
        "deletionTimestamp" not in found["metadata"]
        and found["spec"]["trainer"]["image"] == body["spec"]["trainer"]["image"]
        and (not _end(found) or run == body["metadata"]["labels"][RUN_LABEL])
    )


def _followed(cluster: Cluster, relay: Relay, home: Path, name: str) -> LastWord | None:
    """Wait for the end; None where it is a good one, else what went wrong.

    A word of a rank is the end: whether another attempt could go better is decided by the step,
    not by the number of restarts that Kubernetes allows.
    """
    heard = time.monotonic()
    while True:
        try:
            job = cluster.find(name)
            pods = cluster.pods(name)
            heard = time.monotonic()
        except ClusterUnavailable as error:
            relay.once("step", str(error))
            if time.monotonic() - heard > OUTAGE_SECONDS:
                raise
        else:
            if job is None:
                raise ConnectionError(f"TrainJob {name} was deleted while it was at work")
            relay.tell(job, pods)
            word, end = last_word(home, name), _end(job)
            if end or word:
                return None if end == "Complete" else word or _explained(job, pods)
        time.sleep(POLL_SECONDS)


def _end(job: dict[str, Any]) -> str:
    """``Complete`` or ``Failed``; empty while it is at work."""
    reached = [c["type"] for c in conditions(job) if c["status"] == "True" and c["type"] in _ENDS]
    return reached[0] if reached else ""


def _explained(job: dict[str, Any], pods: list[Any]) -> LastWord:
    """Why a TrainJob failed of which no rank left a word."""
    killed = short_of_memory(pods)
    if killed:
        return LastWord("out_of_memory", f"{killed} was killed for want of memory")
    failed = next(c for c in conditions(job) if c["type"] == "Failed")
    reason = f"{failed.get('reason', 'Failed')}: {failed.get('message', '')}"
    unsupported = failed.get("reason") == "TrainingRuntimeNotSupported"
    return LastWord("mistake" if unsupported else "transient", reason)


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let SIGTERM be an exception meanwhile."""

    def stop(*_: object) -> None:
        raise _Stopped

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
