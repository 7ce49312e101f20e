"""Each call in a process of its own, as on a cluster but on this machine."""

import os
import subprocess
import sys

from cladeflow.errors import CladeflowError
from cladeflow.graph import Node, StageCall
from cladeflow.session import Session
from cladeflow.visit import Visit


def run(session: Session, generation: int) -> None:
    """Run what is missing of a generation, one process per call."""
    session.release()  # each process loads its own
    visit = Visit(session)
    for node in visit.nodes(generation):
        if visit.found(node) is None:
            session.progress(str(node.call), 0, 1)
            _spawn(session, node.call)
            session.progress(str(node.call), 1, 1)
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
    """Run one call whose inputs have been committed: what a worker process or a pod does."""
    visit = Visit(session)
    nodes = {node.call: node for node in visit.nodes(call.generation)}
    if call not in nodes:
        raise CladeflowError(f"the plan of generation {call.generation} has no call {call}")
    for needed in _closure(nodes, call):
        if visit.found(nodes[needed]) is None and needed != call:
            raise CladeflowError(f"{call} needs the commit of {needed}, which is not there yet")
    visit.commit(nodes[call])


def _closure(nodes: dict[StageCall, Node], call: StageCall) -> list[StageCall]:
    """``call`` and everything upstream of it, upstream first."""
    wanted = {call}
    for candidate in reversed(list(nodes)):
        if candidate in wanted:
            wanted.update(nodes[candidate].needs)
    return [candidate for candidate in nodes if candidate in wanted]
