"""Micro-batches of a small model side by side, on a core each.

On a CPU, PyTorch deals every operation out to all cores. Those of a small model are over before a
second core has taken up its part: it is faster to give each core a micro-batch of its own.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import torch
from torch import nn

S = TypeVar("S")
T = TypeVar("T")
SMALL = 2**24
"""Parameters of the largest model that counts as small; see docs/evidence.md."""
MOST = 4
"""Lanes at most: each holds a gradient, and in Python they wait for each other."""


class Lanes:
    """Threads that each compute on one core, or this thread alone with all that there are."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._threads = _on_one_core_each(count) if count > 1 else None

    @classmethod
    def of(cls, model: nn.Module) -> "Lanes":
        """As many as suit a model."""
        parameters = list(model.parameters())
        small = sum(parameter.numel() for parameter in parameters) <= SMALL
        on_cpu = all(parameter.device.type == "cpu" for parameter in parameters)
        return cls(min(MOST, torch.get_num_threads()) if small and on_cpu else 1)

    def map(self, work: Callable[[S], T], items: Iterable[S]) -> Iterator[T]:
        """The results in the order of the items; few are under way, or waited with, at a time.

        Modes that PyTorch keeps by thread, such as `no_grad`, are up to ``work``.
        """
        if self._threads is None:
            yield from map(work, items)
            return
        pending: deque[Future[T]] = deque()
        for item in items:
            pending.append(self._threads.submit(work, item))
            if len(pending) > self.count:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _on_one_core_each(count: int) -> ThreadPoolExecutor:
    """Threads whose operations are not dealt out, unlike those of any other thread.

    What a thread sets is also what later threads begin with, so it is set back here.
    """
    cores = torch.get_num_threads()
    started = Barrier(count)
    threads = ThreadPoolExecutor(count, "lane", _keep_to_one_core)
    list(threads.map(lambda _: started.wait(), range(count)))
    torch.set_num_threads(cores)
    return threads


def _keep_to_one_core() -> None:
    torch.get_num_threads()  # asking for the first time sets a thread to what the others have
    torch.set_num_threads(1)
