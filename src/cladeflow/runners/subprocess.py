"""Each task in a process of its own, as on a cluster but on this machine."""

import os
import subprocess
import sys

from cladeflow.errors import CladeflowError
from cladeflow.graph import Node, StageCall
from cladeflow.session import Session
from cladeflow.visit import Visit


def run(session: Session, generation: int) -> None:
    """Run what is missing of a generation, one process per task."""
    session.release()  # each process loads its own
    visit = Visit(session)
    for task in visit.tasks(generation):
        if any(visit.found(node) is None for node in task):
            session.progress(str(task[0].call), 0, 1)
            _spawn(session, task[0].call)
            session.progress(str(task[0].call), 1, 1)
        for node in task:
            visit.commit(node)


def _spawn(session: Session, call: StageCall) -> None:
    command = [sys.executable, "-m", "cladeflow", "step"]
    command += ["--home", str(session.home.directory), "--call", call.model_dump_json()]
    done = subprocess.run(command, env=os.environ, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().removeprefix("cladeflow: ")
        reason = said or f"exit status {done.returncode}"
        raise CladeflowError(f"stage {call} failed in its process: {reason}")


def step(session: Session, call: StageCall) -> None:
    """Run the task of one call whose inputs have been committed: what a process or a pod does."""
    visit, task = ready(session, call)
    for node in task:
        visit.commit(node)


def ready(session: Session, call: StageCall) -> tuple[Visit, tuple[Node, ...]]:
    """The task of one call, and a visit that has found the commits of all its inputs."""
    visit = Visit(session)
    tasks = visit.tasks(call.generation)
    mine = next((task for task in tasks if any(node.call == call for node in task)), None)
    if mine is None:
        raise CladeflowError(f"the plan of generation {call.generation} has no call {call}")
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
