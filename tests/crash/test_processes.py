"""Real processes: how they are spread changes no result, and neither does how they die."""

from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from benchmarks.crash import command, kill_tree, run
from benchmarks.fingerprint import fingerprint
from tests.micro import MICRO
from tests.running import start, wait_for


def driver(pid: int) -> None:
    """Kill the process that walks the stages; the one at work is left behind."""
    psutil.Process(pid).kill()


def worker(pid: int) -> None:
    """Kill the process of the stage at work, as a machine out of memory does."""
    for child in psutil.Process(pid).children():
        if "step" in child.cmdline():
            child.kill()


DEATHS: tuple[tuple[str, Callable[[int], None]], ...] = (
    ("store/generations/1/plan/*/commit.json", kill_tree),
    ("store/generations/1/0/*/rollout/*/shard-0/commit.json", driver),
    ("scratch/*/checkpoint.pt", worker),
    ("store/evals/*/*/shard-0/commit.json", kill_tree),
    ("store/generations/1/promote/*/commit.json", kill_tree),
)
"""What is there when a process dies, and which."""


@pytest.fixture(scope="module")
def inline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose generation ran in one process, undisturbed."""
    home = tmp_path_factory.mktemp("inline")
    assert run(command(home, "inline", 1, MICRO))
    return home


def test_a_process_per_stage_killed_five_times_gives_what_one_process_gives(
    inline: Path, tmp_path: Path
) -> None:
    arguments = command(tmp_path, "subprocess", 1, MICRO)[3:]
    for pattern, kill in DEATHS:
        process = start(*arguments)
        wait_for(process, tmp_path, pattern)
        kill(process.pid)
        _, errors = process.communicate()
        if kill is worker:
            assert process.returncode == 2
            assert errors.startswith("cladeflow: stage 1/0/main.0/fine_tune.0 failed"), errors
        else:
            assert process.returncode == -9
    assert run(command(tmp_path, "subprocess", 1, MICRO))
    expected, found = fingerprint(inline), fingerprint(tmp_path)
    assert found == expected
    assert len(expected["commits"]) > 10 and expected["registry"]
