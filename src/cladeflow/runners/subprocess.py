"""Each task in a process of its own, as on a cluster but on this machine."""

import os
import subprocess
import sys
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import groupby
from typing import Self

from cladeflow.errors import CladeflowError
from cladeflow.fine_tune.helping import help_out
from cladeflow.graph import Node, StageCall
from cladeflow.session import Session
from cladeflow.visit import Visit

Task = tuple[Node, ...]
"""Calls that one process runs."""
Line = deque[Task]
"""Tasks that follow each other: what is left to do of one child."""


def run(session: Session, generation: int, workers: int = 1) -> None:
    """Run what is missing of a generation, one process per task.

    The children of a generation are independent until `promote`: each free one of the ``workers``
    takes the next task of a child. Only this thread finds and publishes commits.
    """
    session.release()  # each process loads its own
    visit = Visit(session)
    with Processes(session, workers) as processes:
        for _, tasks in groupby(visit.tasks(generation), key=lambda t: t[0].call.child is None):
            lines: dict[int | None, Line] = {}
            for task in tasks:
                lines.setdefault(task[0].call.child, deque()).append(task)
            _walk(visit, deque(lines.values()), processes)


class Processes:
    """At most so many processes at a time; leaving the block early ends those that still run."""

    def __init__(self, session: Session, limit: int) -> None:
        self.limit = limit
        self._session = session
        self._pool = ThreadPoolExecutor(limit)
        self._alive: set[subprocess.Popen[str]] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in list(self._alive):
            process.terminate()
        self._pool.shutdown()

    def start(self, call: StageCall) -> "Future[None]":
        """Begin the task of ``call``; the future raises `CladeflowError` where it fails."""
        return self._pool.submit(self._spawn, call)

    def _spawn(self, call: StageCall) -> None:
        command = [sys.executable, "-m", "cladeflow", "step"]
        command += ["--home", str(self._session.home.directory), "--call", call.model_dump_json()]
        process = subprocess.Popen(command, env=os.environ, stderr=subprocess.PIPE, text=True)
        self._alive.add(process)
        _, told = process.communicate()
        self._alive.discard(process)
        if process.returncode:
            said = told.strip().removeprefix("cladeflow: ")
            reason = said or f"exit status {process.returncode}"
            raise CladeflowError(f"stage {call} failed in its process: {reason}")


def _walk(visit: Visit, idle: deque[Line], processes: Processes) -> None:
    """Run lines beside each other, as far as there are processes for them."""
    running: dict[Future[None], Line] = {}
    while idle or running:
        while idle and len(running) < processes.limit:
            line = idle.popleft()
            call = _missing(visit, line)
            if call is not None:
                visit.session.progress(str(call), 0, 1)
                running[processes.start(call)] = line
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            future.result()
            line = running.pop(future)
            visit.session.progress(str(line[0][0].call), 1, 1)
            _publish(visit, line.popleft())
            idle.append(line)


def _missing(visit: Visit, line: Line) -> StageCall | None:
    """The first call of the next task that has to be run; what was committed is published."""
    while line:
        if any(visit.found(node) is None for node in line[0]):
            return line[0][0].call
        _publish(visit, line.popleft())
    return None


def _publish(visit: Visit, task: Task) -> None:
    for node in task:
        visit.commit(node)


def step(session: Session, call: StageCall) -> None:
    """Run the task of one call whose inputs have been committed: what a process or a pod does.

    Of several ranks that torchrun started, the first does, and the others help where it trains.
    """
    if session.ranks.rank:
        help_out(session)
        return
    visit, task = ready(session, call)
    for node in task:
        visit.commit(node)
    session.ranks.tell(None)


def ready(session: Session, call: StageCall) -> tuple[Visit, tuple[Node, ...]]:
    """The task of one call, and a visit that has found the commits of all its inputs."""
    visit = Visit(session)
    tasks = visit.tasks(call.generation)
    mine = next((t for t in tasks if any(node.call.path == call.path for node in t)), None)
    if mine is None:
        raise CladeflowError(f"the plan of generation {call.generation} has no call {call}")
    call = next(node.call for node in mine if node.call.path == call.path)
    inside = {node.call for node in mine}
    nodes = {node.call: node for task in tasks for node in task}
    for needed in _closure(nodes, call):
        if needed not in inside and visit.found(nodes[needed]) is None:
            raise CladeflowError(f"{call} needs the commit of {needed}, which is not there yet")
    return visit, mine


def _closure(nodes: dict[StageCall, Node], call: StageCall) -> list[StageCall]:
    """``call`` and everything upstream of it, upstream first."""
    wanted = {call}
    for candidate in reversed(list(nodes)):
        if candidate in wanted:
            wanted.update(nodes[candidate].needs)
    return [candidate for candidate in nodes if candidate in wanted]
