"""The archive among real processes: writers that are killed, and a race for the lease."""

import multiprocessing
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, Self

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
KILLS = 3
"""How often every writer is killed."""
EVENTS_OF_A_LIFE = 8
"""At most this many new ones before the kill."""

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


def write(url: str, writer: int, recorded: Any) -> None:
    """Add children of whoever is champion, evaluate them, make each of them champion.

    One event at a time, so that every kill falls between two events or into one. Who was killed
    does it all again, which changes nothing, and goes on; what is new is counted.
    """
    with Archive.open(url) as archive:
        before = archive.events()
        done = {event.key for event in before}
        mine = {e.payload["child"]: e.agent_id for e in before if e.who == str(writer)}

        def record(event: Event) -> None:
            archive.record([event])
            if event.key not in done:
                recorded.value += 1

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
    chance, deaths = Random(7), 0
    kills, lives = dict.fromkeys(range(WRITERS), KILLS), dict[int, Life]()
    while kills:
        for writer in sorted(kills.keys() - lives.keys()):
            lives[writer] = Life.start(url, writer, chance.randint(1, EVENTS_OF_A_LIFE))
        time.sleep(0.001)
        for writer, life in list(lives.items()):
            if kills[writer] and life.events.value >= life.last:
                life.process.kill()
                life.process.join()
                kills[writer] -= 1
            if (code := life.process.exitcode) is not None:
                assert code in (0, -signal.SIGKILL)
                deaths += code != 0
                del lives[writer]
                if code == 0:
                    del kills[writer]
    assert deaths >= WRITERS
    with Archive.open(url) as archive:
        require_complete(archive)


class Life(NamedTuple):
    """A writer's process until it is killed, or done."""

    process: Any
    events: Any
    """How many it has recorded; without a lock, which a killed process would keep."""
    last: int
    """The event after which it is killed, in the middle of whatever it does then."""

    @classmethod
    def start(cls, url: str, writer: int, last: int) -> Self:
        # Forked, because a start takes seconds, from a process that has no archive open.
        fork = multiprocessing.get_context("fork")
        events = fork.RawValue("i")
        process = fork.Process(target=write, args=(url, writer, events))
        process.start()
        return cls(process, events, last)


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
        with Lease(archive):
            pass
    for holder in holders:
        holder.communicate()
