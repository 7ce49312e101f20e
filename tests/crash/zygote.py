"""``python -m tests.crash.zygote DIRECTORY``: kills a run in every one of its writes.

Importing torch takes seconds and a run takes less than one; so one process imports everything and
forks a child for each run: one that dies in its write, then one that resumes. Prints JSON: what an
undisturbed run gives (`undisturbed`), and ``tried``, for every write (`kill_and_resume`).
"""

import gc
import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Iterable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from benchmarks.fingerprint import fingerprint
from cladeflow import evolution
from cladeflow.home import Home
from cladeflow.runners import inline
from cladeflow.start import Wish
from cladeflow.strategy import ROOMS
from tests.crash.killer import Killer
from tests.micro import MICRO

GENERATIONS = 2
WORKERS = 2
WISH = Wish(settings=MICRO, deterministic=True)
IMPORTED = (
    *ROOMS.values(),
    "alembic.command",
    "cladeflow.fine_tune.trainer",
    "cladeflow.models.transformers_engine",
    "transformers.models.auto.modeling_auto",
    "transformers.models.llama.modeling_llama",
)


class NoProjection:
    """Stands in for MLflow's process, which is not what dies here."""

    def __init__(self, *_: Any) -> None: ...
    def __enter__(self) -> "NoProjection":
        return self

    def __exit__(self, *_: object) -> None: ...
    def honour(self, *_: Any) -> None: ...
    def project(self) -> None: ...
    def wait(self) -> None: ...


def run(home: Path, killer: Killer | None = None) -> dict[str, Any]:
    """The whole evolution from wherever ``home`` stands, and what must be equal afterwards."""
    trained: dict[str, list[int]] = {}

    def progress(what: str, done: int, total: int) -> None:
        if "fine_tune" in what:
            trained.setdefault(what, []).append(done)

    if killer is not None:
        killer.install()
    evolution.evolve(Home(home), WISH, GENERATIONS, inline.run, progress, lambda _: None)
    return {"found": fingerprint(home, registry=False), "trained": trained}


def undisturbed(home: Path) -> dict[str, Any]:
    """What a run gives that nothing happens to, and what it writes."""
    killer = Killer()
    return {**run(home, killer), "writes": killer.writes}


def kill_and_resume(root: Path, write: int, expected: dict[str, Any]) -> dict[str, Any]:
    """What goes wrong when a run dies in ``write`` and is resumed, and the steps it trains."""
    home = root / str(write)
    died = in_child(lambda: run(home, Killer(write)))
    resumed = in_child(lambda: run(home))
    shutil.rmtree(home)
    if died != {"killed": signal.SIGKILL} or "gave" not in resumed:
        return {"write": write, "problem": [died, resumed], "trained": {}}
    found, trained = resumed["gave"]["found"], resumed["gave"]["trained"]
    different = [part for part in expected if found[part] != expected[part]]
    return {"write": write, "problem": different, "trained": trained}


class Child(NamedTuple):
    """A child process and the pipe on which it says what came of its work."""

    pid: int
    pipe: int


def start(work: Callable[[], Any]) -> Child:
    """Fork a child that does ``work``."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        return Child(pid, reader)
    try:
        said = {"gave": work()}
    except BaseException:
        said = {"failed": traceback.format_exc()}
    with os.fdopen(writer, "w") as pipe:
        json.dump(said, pipe)
    os._exit(0)


def finish(child: Child) -> dict[str, Any]:
    """What a child ``gave``, how it ``failed``, or the signal that it was ``killed`` by."""
    with os.fdopen(child.pipe) as pipe:
        said = pipe.read()
    _, status = os.waitpid(child.pid, 0)
    return json.loads(said) if said else {"killed": os.WTERMSIG(status)}


def in_child(work: Callable[[], Any]) -> dict[str, Any]:
    """`start` and `finish`."""
    return finish(start(work))


def main() -> None:
    """Import what children need, then try every write, ``WORKERS`` at a time."""
    for module in IMPORTED:
        import_module(module)
    patch.object(evolution, "Projector", NoProjection).start()
    patch.object(os, "fsync", lambda _: None).start()  # the kernel outlives a killed process
    gc.freeze()  # children share what was imported
    root = Path(sys.argv[1])
    base = in_child(lambda: undisturbed(root / "undisturbed"))["gave"]

    def try_all(writes: Iterable[int]) -> list[dict[str, Any]]:
        return [kill_and_resume(root, write, base["found"]) for write in writes]

    parts = [range(at, len(base["writes"]), WORKERS) for at in range(WORKERS)]
    workers = [start(partial(try_all, part)) for part in parts]
    tried = [one for worker in workers for one in finish(worker)["gave"]]
    json.dump({**base, "tried": sorted(tried, key=lambda one: one["write"])}, sys.stdout)


if __name__ == "__main__":
    main()
