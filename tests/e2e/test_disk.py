"""A disk that is full and a home that cannot be written are said clearly; then the run resumes."""

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from benchmarks.fingerprint import fingerprint
from tests.command_line import Ran, cladeflow
from tests.e2e.conftest import SETTINGS
from tests.homes import begun

ADVICE = "the disk is full; free some space and run the same command again to resume\n"


def evolve(home: Path) -> Ran:
    return cladeflow("evolve", "--home", home, "--generations", 2, "--deterministic", *SETTINGS)


class Disk:
    """Takes so many flushes, then is full; counts what it took."""

    def __init__(self, room: int) -> None:
        self.room, self.taken = room, 0
        self._flush = os.fsync

    def fsync(self, descriptor: int) -> None:
        if self.taken >= self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.taken += 1
        self._flush(descriptor)


def test_a_full_disk_is_said_and_what_was_done_is_kept(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = []
    for room in (0, 5, 12, 10, 2, 3, 20):
        monkeypatch.setattr(os, "fsync", Disk(room).fsync)
        ran = evolve(tmp_path)
        assert ran.code == 2 and ran.out == ""
        assert ran.err.startswith(f"cladeflow: {tmp_path}/") and ran.err.count("\n") == 1
        assert ran.err.endswith(ADVICE)
        messages.append(ran.err)
    assert len(set(messages)) == len(messages), "it came no further"
    monkeypatch.undo()
    assert evolve(tmp_path).code == 0
    found = fingerprint(tmp_path, registry=False)
    assert found == fingerprint(home, registry=False)


def test_a_full_disk_under_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(torch, "save", full)
    ran = evolve(tmp_path)
    assert ran.code == 2
    assert f"{tmp_path / 'scratch'}" in ran.err and "the disk is full" in ran.err


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MiB."""
    at = tmp_path / "disk"
    at.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(at)]
    try:
        subprocess.run(mount, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no disk can be mounted here: {getattr(error, 'stderr', '') or error}")
    yield at
    subprocess.run(["umount", "--lazy", str(at)], check=True)


def fill(disk: Path) -> None:
    """Write until the last byte is taken, to ``filling``."""
    with (disk / "filling").open("wb", buffering=0) as file:
        for size in (2**16, 1):
            with suppress(OSError):
                while True:
                    file.write(bytes(size))


@pytest.mark.parametrize("command", ["status", "evolve"])
def test_a_process_that_finds_the_disk_full(command: str, disk: Path) -> None:
    home = begun(disk / "home").directory
    assert cladeflow("status", "--home", home).code == 0
    fill(disk)
    ran = cladeflow(command, "--home", home)
    assert ran.code == 2 and ran.out == ""
    assert ran.err.startswith(f"cladeflow: {home / 'archive.db'}: ") and ran.err.endswith(ADVICE)


@pytest.mark.parametrize("made", [True, False])
def test_an_export_that_the_disk_has_no_room_for(made: bool, home: Path, disk: Path) -> None:
    fill(disk)
    os.truncate(disk / "filling", 2**21)  # 2 MiB are left, the model has 2.6 MB
    champion = disk / "champion"
    if made:
        champion.mkdir()
    ran = cladeflow("export", "champion", champion, "--home", home)
    assert (ran.code, ran.out, ran.err) == (2, "", f"cladeflow: {champion}: {ADVICE}")
    assert champion.exists() is made and not list(disk.glob("champion/*"))
    (disk / "filling").unlink()
    assert cladeflow("export", "champion", champion, "--home", home).code == 0


@pytest.mark.parametrize("place", ["file/home", "/proc/home"])
def test_a_home_that_cannot_be_made(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    home = tmp_path / place
    ran = cladeflow("evolve", "--home", home)
    assert ran.code == 2 and ran.out == ""
    assert ran.err.startswith(f"cladeflow: {home} cannot be written (")
    assert ran.err.endswith("choose another directory with --home\n")
