"""The archive among real processes: writers that are killed, and a race for the lease."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cladeflow.archive.archive import Archive
from cladeflow.archive.lease import Lease
from cladeflow.errors import HomeError
from cladeflow.recipes import Resolved, load_recipe, load_scale
from cladeflow.records import Agent

SOURCES = str(Path(__file__).parents[2] / "src")
BATCHES = 40

# Adds a chain of children, promoting and evaluating each one in a batch of its own, so that every
# kill falls between two batches or into one. Whoever finds a batch recorded goes on to the next.
WRITER = """
import sys
from cladeflow.archive import ChampionMoved, Event
from cladeflow.archive.archive import Archive
from cladeflow.records import Agent

with Archive.open(sys.argv[1]) as archive:
    parent = archive.agent("initial").agent
    for n in range(int(sys.argv[2])):
        child = Agent(weights={"actor": f"store:{n}#{n:064x}"}, parents=(parent.id,), gen=n + 1)
        swap = {"agent_id": child.id, "incumbent_id": parent.id}
        tried = {"agent_id": child.id, "payload": {"ok": n, "fail": 1}}
        archive.record([
            Event.added(child),
            Event(key=f"evaluated/{n}", kind="evaluated", **tried),
            Event(key=f"promoted/{n}", kind="promoted", **swap),
        ])
        parent = child
"""

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


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    url = f"sqlite:///{tmp_path / 'archive.db'}"
    with Archive.create(url) as archive:
        initial = Agent(weights={"actor": f"store:x#{'f' * 64}"})
        star = Resolved(recipe=load_recipe("star"), scale=load_scale("tiny"))
        archive.start_evolution(star, 0, initial)
    yield url


def test_killed_writers_lose_and_double_nothing(url: str) -> None:
    with Archive.open(url) as archive:
        deaths = 0
        while archive.event_id() < 1 + 3 * BATCHES:
            seen = archive.event_id()
            writers = [start(WRITER, url, BATCHES) for _ in range(2)]
            while archive.event_id() < min(seen + 40, 1 + 3 * BATCHES):
                time.sleep(0.005)
            for writer in writers:
                deaths += writer.poll() is None
                writer.send_signal(signal.SIGKILL)
                writer.communicate()
        assert deaths >= 2
        members = archive.agents()
        assert [event.id for event in archive.events()] == list(range(1, 2 + 3 * BATCHES))
        assert len(archive.history()) == BATCHES
        assert [member.tally.ok for member in members[1:]] == list(range(BATCHES))
        assert [member.tally.fail for member in members[1:]] == [1] * BATCHES
        assert [member.tally.children for member in members] == [1] * BATCHES + [0]
        assert archive.champion().agent == members[-1].agent


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
