"""A home at work: it is leased, it can be read, and Ctrl-C ends it cleanly."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import psutil

from tests.command_line import cladeflow
from tests.e2e.conftest import SETTINGS
from tests.running import start, wait_for


def test_a_home_at_work_is_leased_and_an_interrupt_leaves_nothing_behind(tmp_path: Path) -> None:
    home = tmp_path / "home"
    arguments = ["evolve", "--home", home, "--generations", 2, "--deterministic", *SETTINGS]
    process = start(*arguments)
    wait_for(process, home, "store/generations/2/0/*/rollout/*/shard-0/commit.json")
    running = psutil.Process(process.pid)
    running.suspend()
    children = running.children(recursive=True)
    commands = " ".join(word for child in children for word in child.cmdline())
    assert "cladeflow.tracking" in commands and "cladeflow.sandbox.worker" in commands

    second = cladeflow("evolve", "--home", home)
    assert second.code == 2
    assert f"{home / 'archive.db'} is in use by process {process.pid}" in second.err
    assert "choose another --home" in second.err
    assert in_use(home, process.pid)

    os.killpg(process.pid, signal.SIGINT)
    running.resume()
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors.endswith("cladeflow: interrupted; the same command resumes\n")
    assert "Traceback" not in errors
    gone, left = psutil.wait_procs(children, timeout=10)
    assert len(gone) == len(children) and not left

    resume = f"cladeflow evolve --home {home} --generations 2"
    stopped = status(home)
    assert stopped["next"] == f"generation 2 was begun; '{resume}' finishes it"
    assert "2/plan" in stopped["done"] and "2/promote" not in stopped["done"]
    resumed = cladeflow(*resume.split()[1:])
    assert resumed.code == 0, resumed.err
    assert "of generation 2" in resumed.out
    assert f"{home} has its 2 generations" in status(home)["next"]


def status(home: Path) -> dict[str, Any]:
    """What a script is told; a person is given the same advice."""
    ran = cladeflow("status", "--home", home, "--json")
    assert ran.code == 0, ran.err
    found: dict[str, Any] = json.loads(ran.out)
    assert cladeflow("status", "--home", home).out.splitlines()[-1] == found["next"]
    return found


def in_use(home: Path, pid: int) -> bool:
    return status(home)["next"].startswith(f"in use by process {pid} on ")
