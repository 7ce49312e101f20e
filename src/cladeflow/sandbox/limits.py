"""What a checker may use, and how a process holds itself to it."""

import math
import resource

from cladeflow.records import Value

_GIB = 1 << 30
_LARGEST_FILE = 1 << 20


class Limits(Value):
    """Bounds of the checker process; what exceeds a time is killed and counted as a timeout."""

    item_seconds: float = 5.0
    """Wall clock of one check."""
    batch_seconds: float = 600.0
    """Wall clock of one call of `CheckerClient.check`."""
    start_seconds: float = 30.0
    """Wall clock until a new process answers."""
    memory_bytes: int = 2 * _GIB
    """Address space, interpreter included."""
    open_files: int = 64


def confine(limits: Limits) -> None:
    """Bind this process: memory, open files, no core dumps, no large files."""
    for kind, bound in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, _LARGEST_FILE),
    ):
        bound = _allowed(kind, bound)
        resource.setrlimit(kind, (bound, bound))


def allow_cpu(seconds: float) -> None:
    """Let the kernel end this process after about ``seconds`` more of processor time."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = math.ceil(used.ru_utime + used.ru_stime + seconds) + 1
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (_allowed(resource.RLIMIT_CPU, soft), hard))


def _allowed(kind: int, bound: int) -> int:
    """``bound``, or less where this process may not have as much."""
    hard = resource.getrlimit(kind)[1]
    return bound if hard == resource.RLIM_INFINITY else min(bound, hard)
