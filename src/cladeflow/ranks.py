"""The processes that train together: this one alone, or all that torchrun started on any machine.

Every rank holds the whole model and takes its share of every optimiser step's examples; gradients
are added up, so that all of them take the same step. Rank 0 carries out a stage call as if it were
alone; the others wait for its word, and lend a hand where it trains.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from torch import Tensor, nn

T = TypeVar("T")
PATIENCE = timedelta(hours=1)
"""How long a rank waits for the others: a machine that is gone for good does not hang up."""


class LostRank(ConnectionError):
    """Another rank ended, or cannot be reached; what became of it says more."""


class Ranks:
    """Rank ``rank`` of ``size``, computing on ``device``; made by `joined`, or alone."""

    def __init__(self, rank: int = 0, size: int = 1, device: str = "cpu") -> None:
        self.rank = rank
        self.size = size
        self.device = device

    def share(self, items: Sequence[T], weight: Callable[[T], int]) -> list[T]:
        """This rank's part of ``items``: neighbours, about as heavy as every other rank's."""
        total, before, mine = sum(map(weight, items)), 0, []
        for item in items:
            if before * self.size // total == self.rank:
                mine.append(item)
            before += weight(item)
        return mine

    def gathered(self, mine: Sequence[T]) -> list[T]:
        """What the ranks hand in, in the order of what `share` gave them."""
        if self.size == 1:
            return list(mine)
        from torch import distributed

        parts: list[Any] = [None] * self.size
        with _noticing():
            distributed.all_gather_object(parts, list(mine))
        return [item for part in parts for item in part]

    def add(self, tensors: Sequence["Tensor"]) -> None:
        """Replace each tensor by its sum over all ranks."""
        if self.size == 1:
            return
        from torch import distributed

        with _noticing():
            for under_way in [distributed.all_reduce(one, async_op=True) for one in tensors]:
                under_way.wait()

    def add_gradients(self, parameters: Sequence["nn.Parameter"]) -> None:
        """Replace each gradient by its sum over all ranks; none stays none where no rank has one.

        A rank without an example in the step has no gradients, and adds zeros.
        """
        if self.size == 1:
            return
        import torch

        used = torch.tensor([float(p.grad is not None) for p in parameters], device=self.device)
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        self.add([used, *(p.grad for p in parameters if p.grad is not None)])
        for parameter, count in zip(parameters, used.tolist(), strict=True):
            if not count:
                parameter.grad = None

    def tell(self, word: object) -> None:
        """Say something to all other ranks, who are to `hear` it; None: that is all."""
        if self.size > 1:
            self._broadcast(word)

    def hear(self) -> Any:
        """What rank 0 has told."""
        return self._broadcast(None)

    def _broadcast(self, word: object) -> object:
        from torch import distributed

        words = [word]
        with _noticing():
            distributed.broadcast_object_list(words, src=0)
        return words[0]


ALONE = Ranks()


@contextmanager
def joined() -> Iterator[Ranks]:
    """Meet the processes that torchrun started with this one; without torchrun, be alone."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield ALONE
        return
    import torch
    from torch import distributed

    device, backend = "cpu", "gloo"
    if torch.cuda.is_available():
        device, backend = f"cuda:{os.environ['LOCAL_RANK']}", "cpu:gloo,cuda:nccl"
        torch.cuda.set_device(device)
    with _noticing():
        distributed.init_process_group(backend, timeout=PATIENCE)
    yield Ranks(distributed.get_rank(), distributed.get_world_size(), device)
    # Not after a failure: hanging up is how the others learn of it.
    distributed.destroy_process_group()


@contextmanager
def _noticing() -> Iterator[None]:
    """Whatever a backend raises, the reason is that not all ranks are there."""
    try:
        yield
    except RuntimeError as error:
        reason = str(error).partition("\n")[0]
        raise LostRank(f"another process of the training is lost: {reason}") from error
