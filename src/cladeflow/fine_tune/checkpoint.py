"""A training run's state on disk, so that a killed run goes on as if nothing had happened."""

import os
from pathlib import Path
from typing import Any, BinaryIO, TypedDict

import torch

from cladeflow.errors import StoreError
from cladeflow.store import explained

FILE = "checkpoint.pt"


class State(TypedDict):
    """Everything that the next step depends on; training draws no random numbers."""

    run: str
    """Digest of the run's inputs."""
    step: int
    """Optimiser steps done; with the run's inputs it says which examples come next."""
    totals: dict[str, Any]
    model: dict[str, torch.Tensor]
    optimiser: dict[str, Any]


def save(state: State, directory: Path) -> None:
    """Replace the directory's checkpoint; a crash leaves the old one or the new one, whole."""
    with explained(directory):
        directory.mkdir(parents=True, exist_ok=True)
        partial = directory / f"{FILE}.{os.getpid()}"
        try:
            with partial.open("wb") as file:
                _write(state, file)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(directory / FILE)
        except OSError:
            partial.unlink(missing_ok=True)
            raise


def _write(state: State, file: BinaryIO) -> None:
    try:
        torch.save(state, file)
    except RuntimeError as error:  # closing its archive, torch trips over what it could not write
        raise error.__context__ if isinstance(error.__context__, OSError) else error from None


def load(directory: Path, run: str) -> State | None:
    """The directory's checkpoint of ``run``, None where there is none.

    Raises `StoreError` where the file is damaged or belongs to a run with other inputs.
    """
    path = directory / FILE
    if not path.exists():
        return None
    try:
        state: State = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load lets through whatever zip and pickle readers raise
        raise StoreError(f"{path}: damaged ({error}); delete it to start over") from error
    if state["run"] != run:
        raise StoreError(f"{path}: of a run with other inputs; delete it to start over")
    return state
