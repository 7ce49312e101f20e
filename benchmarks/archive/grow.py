"""An archive of any size: agents of one or two parents, drawn from all that came before them."""

import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import NamedTuple

from cladeflow.archive import Event
from cladeflow.archive.archive import Archive
from cladeflow.archive.cache import Ids
from cladeflow.recipes import resolve
from cladeflow.records import Agent

BATCH = 1_000
_RECOMBINED = 0.1
"""Share of the agents that have two parents."""
_TASKS = 20
"""Held-out tasks of one evaluation."""


class Timing(NamedTuple):
    """Seconds of wall time, and of CPU time: this process's and that of a server that it runs."""

    wall: float
    cpu: float


def timed(work: Callable[[], object]) -> Timing:
    """What ``work`` takes."""
    before = _server_nanoseconds()
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    spent = (ns - before.get(pid, 0) for pid, ns in _server_nanoseconds().items())
    return Timing(wall, cpu + sum(spent) / 1e9)


def _server_nanoseconds() -> dict[str, int]:
    """CPU time of every process that this one started, and of those that they did."""
    found: dict[str, int] = {}
    left = [str(os.getpid())]
    while left:
        pid = left.pop()
        with suppress(OSError):  # it has ended
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            for child in children:
                found[child] = int(Path(f"/proc/{child}/schedstat").read_text().split()[0])
            left += children
    return found


class Population:
    """The agents of an archive, and the next ones."""

    def __init__(self, archive: Archive, seed: int = 0) -> None:
        self.archive = archive
        self.random = random.Random(seed)
        self._names = count(1)
        self._keys = count()
        initial = Agent(weights={"actor": f"store:0#{0:064x}"})
        archive.start_evolution(resolve("star", scale="tiny"), seed, initial)
        self._ids = bytearray(initial.id.encode())

    @property
    def ids(self) -> Ids:
        """Of all agents that are in the archive, oldest first."""
        return Ids(self._ids)

    def child(self, *parents: str) -> Agent:
        """An agent that the archive does not hold yet.

        It was written to the store and evaluated before: its line and its digests are made.
        """
        name = next(self._names)
        weights = {"actor": f"store:{name}#{name:064x}"}
        agent = Agent(weights=weights, parents=parents, gen=1 + name // BATCH)
        _ = agent.to_line(), agent.behaviour
        return agent

    def children(self, n: int) -> list[Agent]:
        """Agents whose parents are drawn from all that are in the archive."""
        ids, how_many = self.ids, (1 + (self.random.random() < _RECOMBINED) for _ in range(n))
        return [self.child(*(self.random.choice(ids) for _ in range(k))) for k in how_many]

    def evaluated(self, agent_id: str) -> Event:
        """An evaluation like no other."""
        ok = self.random.randrange(_TASKS + 1)
        return Event(
            key=f"evaluated/{agent_id}/{next(self._keys)}",
            kind="evaluated",
            agent_id=agent_id,
            payload={"ok": ok, "fail": _TASKS - ok},
        )

    def add(self, agents: Sequence[Agent]) -> Timing:
        """Record agents in one transaction."""
        timing = timed(lambda: self.archive.record([Event.added(agent) for agent in agents]))
        self._ids += "".join(agent.id for agent in agents).encode()
        return timing

    def grow(self, n: int) -> Iterator[tuple[Timing, Timing]]:
        """Add and evaluate ``n`` agents: what both take, by batch."""
        for _ in range(n // BATCH):
            agents = self.children(BATCH)
            added = self.add(agents)
            events = [self.evaluated(agent.id) for agent in agents]
            yield added, timed(lambda events=events: self.archive.record(events))
