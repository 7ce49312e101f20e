"""The archive among real processes: writers that are killed, and a race for the lease."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest

from cladeflow.archive import ChampionMoved, Columns, Event
from cladeflow.archive.archive import Archive
from cladeflow.archive.lease import Lease
from cladeflow.errors import HomeError
from cladeflow.recipes import Resolved, load_recipe, load_scale
from cladeflow.records import Agent
from tests.postgresql_server import PostgresqlServer

SOURCES = str(Path(__file__).parents[2] / "src")
WRITERS = 8
CHILDREN = 6
"""Agents that every writer adds."""
TRIALS = 3
"""Evaluations of each of them."""
BETWEEN_KILLS = 10
"""Events, whoever records them."""

HOLDER = """
import sys, time
from cladeflow.archive.archive import Archive
from cladeflow.archive.lease import Lease
from cladeflow.errors import HomeError

with Archive.open(sys.argv[1]) as archive:
    sys.stdin.readline()
    try:
        with Lease(archive):
            print("held", flush=True)
            sys.stdin.readline()
    except HomeError as error:
        print(f"refused: {error}", flush=True)
"""


pytestmark = pytest.mark.slow


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, stdin=pipe, stdout=pipe, text=True, env={"PYTHONPATH": SOURCES}
    )


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'archive.db'}"
    else:
        server: PostgresqlServer = request.getfixturevalue("postgresql")
        url = server.new_archive()
    with Archive.create(url) as archive:
        initial = Agent(weights={"actor": f"store:x#{'f' * 64}"})
        star = Resolved(recipe=load_recipe("star"), scale=load_scale("tiny"))
        archive.start_evolution(star, 0, initial)
    return url


def write(url: str, writer: int, progress: int) -> None:
    """Add children of whoever is champion, evaluate them, make each of them champion.

    One event at a time, so that every kill falls between two events or into one. Who was killed
    does it all again, which changes nothing, and goes on; a byte tells of what is new.
    """
    with Archive.open(url) as archive:
        before = archive.events()
        done = {event.key for event in before}
        mine = {e.payload["child"]: e.agent_id for e in before if e.who == str(writer)}

        def record(event: Event) -> None:
            archive.record([event])
            if event.key not in done:
                os.write(progress, b".")

        for n in range(CHILDREN):
            if n not in mine:
                agent = offspring(archive, writer, n, mine)
                mine[n] = agent.id
                record(Event.added(agent, child=n, who=str(writer)))
            for trial in range(TRIALS):
                payload = {"ok": writer + n, "fail": trial}
                tried = {"key": f"{writer}/{n}/{trial}", "kind": "evaluated", "payload": payload}
                record(Event(agent_id=mine[n], **tried))
            while f"promoted/{mine[n]}" not in {change.key for change in archive.history()}:
                with suppress(ChampionMoved):
                    swap = {"agent_id": mine[n], "incumbent_id": archive.champion().agent.id}
                    record(Event(key=f"promoted/{mine[n]}", kind="promoted", **swap))


def offspring(archive: Archive, writer: int, n: int, mine: dict[int, str]) -> Agent:
    """A child of the champion, every third time also of an agent of the same writer."""
    parents = (archive.champion().agent.id, *([mine[n - 1]] if n % 3 == 2 else []))
    weights = {"actor": f"store:{writer}#{100 * writer + n:064x}"}
    return Agent(weights=weights, parents=parents, gen=n + 1)


def test_killed_writers_lose_and_double_nothing(url: str) -> None:
    # Forked, because a start takes seconds, from a process that has no archive open.
    fork = multiprocessing.get_context("fork")
    heard, progress = os.pipe()
    os.set_blocking(heard, False)
    chance, deaths = Random(7), 0
    left, running = set(range(WRITERS)), dict[int, Any]()
    while left:
        for writer in sorted(left - running.keys()):
            running[writer] = fork.Process(target=write, args=(url, writer, progress))
            running[writer].start()
        hear(heard, BETWEEN_KILLS, running.values())
        running[chance.choice(sorted(running))].kill()
        for writer, process in list(running.items()):
            process.join(0.05)
            if process.exitcode is not None:
                deaths += process.exitcode == -signal.SIGKILL
                assert process.exitcode in (0, -signal.SIGKILL)
                left -= {writer} if process.exitcode == 0 else set()
                del running[writer]
    assert deaths >= WRITERS
    with Archive.open(url) as archive:
        require_complete(archive)


def hear(heard: int, events: int, processes: Iterable[Any]) -> None:
    """Wait until so many events were recorded, or a process ended."""
    while events > 0 and all(process.is_alive() for process in processes):
        with suppress(BlockingIOError):
            events -= len(os.read(heard, events))
        time.sleep(0.002)


def require_complete(archive: Archive) -> None:
    """Everything that the writers do is there, and there once."""
    events = archive.events()
    assert [event.id for event in events] == sorted(event.id for event in events)
    assert len({event.key for event in events}) == len(events)
    assert len(events) == 1 + WRITERS * CHILDREN * (1 + TRIALS + 1)
    members = {member.agent.id: member for member in archive.agents()}
    for event in events:
        if event.kind == "added" and event.who != "cladeflow":
            writer, n = int(event.who), event.payload["child"]
            tally = members[event.agent_id].tally
            assert (tally.ok, tally.fail) == (TRIALS * (writer + n), sum(range(TRIALS)))
    champions = [archive.evolution.initial]
    for change in archive.history():
        assert change.incumbent_id == champions[-1]
        champions.append(change.agent_id)
    assert sorted(champions) == sorted(members)
    recounted = Columns.of(list(members.values()), champions[-1])
    columns = archive.columns()
    assert columns.champion == recounted.champion
    for name in ("clade_ok", "clade_fail", "children"):
        assert getattr(columns, name).tolist() == getattr(recounted, name).tolist()
    assert columns.clade_ok[0] == columns.ok.sum()


def test_of_all_that_want_the_lease_one_gets_it_and_its_death_frees_it(url: str) -> None:
    holders = [start(HOLDER, url) for _ in range(4)]
    for holder in holders:
        assert holder.stdin is not None
        holder.stdin.write("go\n")
        holder.stdin.flush()
    said = [holder.stdout.readline() for holder in holders if holder.stdout is not None]
    owner = holders[said.index("held\n")]
    assert sum(line == "held\n" for line in said) == 1
    assert sum(f"in use by process {owner.pid}" in line for line in said) == len(holders) - 1
    with Archive.open(url) as archive:
        with pytest.raises(HomeError, match=f"process {owner.pid}"), Lease(archive):
            pass
        owner.kill()
        deadline = time.monotonic() + 10
        while Path(f"/proc/{owner.pid}/stat").read_text().split()[2] != "Z":  # not reaped yet
            assert time.monotonic() < deadline
        with Lease(archive) as lease:
            lease.ensure()
    for holder in holders:
        holder.communicate()
