"""What kind of failure an error is, which says whether another attempt could go better."""

import errno
from collections.abc import Iterator
from typing import Literal

from cladeflow.errors import CladeflowError

Failure = Literal["transient", "out_of_memory", "mistake", "bug"]
"""transient: try again; out_of_memory: try again with less at a time; a mistake is the user's to
put right and a bug ours, and neither goes away by itself."""

_PASSING = {
    errno.EAGAIN, errno.EBUSY, errno.EINTR, errno.EIO, errno.ESTALE, errno.ETIMEDOUT,
    errno.ECONNRESET, errno.ECONNREFUSED, errno.ECONNABORTED, errno.EPIPE, errno.EHOSTUNREACH,
    errno.EHOSTDOWN, errno.ENETDOWN, errno.ENETUNREACH, errno.EREMOTEIO,
}  # fmt: skip
"""What network file systems and services answer while they are not themselves."""
_OUT_OF_MEMORY = ("OutOfMemoryError", "MemoryError")
_LOCKED = "database is locked"


def failure(error: BaseException) -> Failure:
    """The kind of ``error``, judged by itself and what it was raised from."""
    chain = list(_causes(error))
    if any(type(cause).__name__ in _OUT_OF_MEMORY or _denied(cause) for cause in chain):
        return "out_of_memory"
    if any(_transient(cause) for cause in chain):
        return "transient"
    return "mistake" if isinstance(error, CladeflowError) else "bug"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _denied(error: BaseException) -> bool:
    """Torch's CPU allocator raises a plain RuntimeError."""
    return isinstance(error, RuntimeError) and "not enough memory" in str(error)


def _transient(error: BaseException) -> bool:
    if isinstance(error, ConnectionError | TimeoutError):
        return True
    if isinstance(error, OSError):
        return error.errno in _PASSING
    return _LOCKED in str(error)
