"""The checker process: ``python -m cladeflow.sandbox.worker CONFIG``, started by `CheckerClient`.

Reads a batch, answers each item as it is judged, and ends when its parent closes the socket.
"""

import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from functools import cache
from gc import freeze
from importlib import import_module
from math import ceil
from pathlib import Path

from cladeflow.environments.base import Environment
from cladeflow.errors import CladeflowError
from cladeflow.records import Step, Target, Task, Value, Verdict, Verifier
from cladeflow.sandbox.gold import GoldStore
from cladeflow.sandbox.limits import Limits, allow_cpu, confine
from cladeflow.sandbox.wire import Batch, encode_verdict
from cladeflow.strategy import find

READY = b"ready\n"


class WorkerConfig(Value):
    """All that a checker process is told at its start."""

    descriptor: int
    """Of the socket to the parent."""
    gold: Path
    modules: tuple[str, ...]
    """To import before the first check, because they register environments."""
    limits: Limits


@cache
def environment(name: str) -> Environment:
    """The environment that owns a task's check, which depends on the task and its gold alone."""
    kind = find("environment", name)
    if kind is None:
        raise CladeflowError(f"no environment is called {name!r}")
    built = kind.from_options({})
    assert isinstance(built, Environment)
    return built


def judge(golds: GoldStore, task_id: str, task: Task, steps: Sequence[Step]) -> Verdict:
    """The environment's verdict, or one that says where the check failed."""
    try:
        return environment(task.env).check(task, golds.get(task_id), steps)
    except Exception as error:
        return Verdict(
            target=Target(id=task_id),
            value=0.0,
            by=Verifier(strategy=task.checker),
            outcome="error",
            note=_reason(error),
        )


def _reason(error: Exception) -> str:
    """Kind and place; never a foreign error's words, which may quote the gold."""
    if isinstance(error, CladeflowError):
        return str(error)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"


def serve(config: WorkerConfig) -> None:
    """Answer batches until the parent hangs up."""
    golds, seconds = GoldStore(config.gold), config.limits.item_seconds
    with socket.socket(fileno=config.descriptor) as parent, parent.makefile("rb") as lines:
        parent.sendall(READY)
        for line in lines:
            batch = Batch.model_validate_json(line)
            for task_id, steps in batch.items:
                # The parent's clock comes first; these end a checker whose parent has died.
                allow_cpu(seconds)
                signal.alarm(ceil(seconds) + 2)
                verdict = judge(golds, task_id, batch.tasks[task_id], steps)
                signal.alarm(0)
                parent.sendall(encode_verdict(verdict))


def main() -> None:
    """Load the environments, then give up what a checker does not need."""
    config = WorkerConfig.model_validate_json(sys.argv[1])
    import_module("cladeflow.environments")
    for module in config.modules:
        import_module(module)
    confine(config.limits)
    freeze()  # what was imported is no garbage
    serve(config)


if __name__ == "__main__":
    main()
