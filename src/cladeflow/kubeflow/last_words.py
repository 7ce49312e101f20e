"""What a rank that fails leaves for the step that waits for its TrainJob. Light.

Kubernetes knows that a pod failed, and torchrun that a process did; of what, the process alone
knows. It writes that below ``trainjobs/<name>/`` of the home, which the step reads.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from cladeflow.failures import Failure, failure
from cladeflow.ranks import LostRank

TRAINJOB = "CLADEFLOW_TRAINJOB"
"""Environment variable with the name of the TrainJob that a process belongs to."""
_TELLING: tuple[Failure, ...] = ("bug", "mistake", "out_of_memory", "transient")
"""Kinds of failure, those first that others follow from."""


class LastWord(NamedTuple):
    """Why a rank failed."""

    kind: Failure
    reason: str


@contextmanager
def last_words(home: Path) -> Iterator[None]:
    """Leave word of a failure inside, in a process of a TrainJob.

    That another rank is lost is no news: that one's word counts, or nobody knows.
    """
    try:
        yield
    except Exception as error:
        job = os.environ.get(TRAINJOB)
        if job and not isinstance(error, LostRank):
            _write(_directory(home, job), LastWord(failure(error), str(error) or repr(error)))
        raise


def last_word(home: Path, job: str) -> LastWord | None:
    """The most telling one of what the ranks of a TrainJob left; None where none failed so far."""
    words = [LastWord(**json.loads(p.read_text())) for p in _directory(home, job).glob("*.json")]
    return min(words, key=lambda word: _TELLING.index(word.kind), default=None)


def forget(home: Path, job: str) -> None:
    """Remove what an earlier TrainJob of this name left."""
    shutil.rmtree(_directory(home, job), ignore_errors=True)


def _directory(home: Path, job: str) -> Path:
    return home / "trainjobs" / job


def _write(directory: Path, word: LastWord) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{os.environ.get('RANK', '0')}.json"
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(word._asdict()))
    partial.replace(path)
