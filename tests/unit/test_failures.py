"""The kind of a failure decides whether a task is tried again."""

import errno
from pathlib import Path

import pytest
import torch

from cladeflow.errors import CladeflowError
from cladeflow.failures import failure
from cladeflow.store import explained


def raised(path: Path, code: int) -> Exception:
    try:
        with explained(path):
            raise OSError(code, "what the system says")
    except Exception as error:
        return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectionResetError(), "transient"),
        (TimeoutError(), "transient"),
        (OSError(errno.ESTALE, "stale"), "transient"),
        (raised(Path("x"), errno.EIO), "transient"),
        (raised(Path("x"), errno.ENOSPC), "mistake"),
        (CladeflowError("no such recipe"), "mistake"),
        (MemoryError(), "out_of_memory"),
        (torch.OutOfMemoryError("CUDA out of memory"), "out_of_memory"),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried"), "out_of_memory"),
        (KeyError("x"), "bug"),
        (RuntimeError("shape mismatch"), "bug"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_kinds(error: Exception, kind: str) -> None:
    assert failure(error) == kind


def test_what_it_was_raised_from_counts() -> None:
    error = RuntimeError("wrapped")
    error.__cause__ = ConnectionRefusedError()
    assert failure(error) == "transient"
