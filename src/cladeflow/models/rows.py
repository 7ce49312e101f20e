"""The rows of a running batch: per-row state as arrays, so that a step costs no Python per row."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cladeflow.models.engine import Completion, Request
from cladeflow.models.sampling import uniforms

Rows = NDArray[np.int64]


@dataclass(eq=False)
class Job:
    """A submitted request and the completions that it still waits for."""

    request: Request
    limit: int
    """Tokens to sample at most: the request's limit, or what the model's context leaves."""
    future: Future[list[Completion]] = field(default_factory=Future)
    admitted: int = 0
    done: dict[int, Completion] = field(default_factory=dict)

    @property
    def waiting(self) -> int:
        """Samples that are not in the batch yet."""
        return self.request.n - self.admitted

    def finish(self, sample: int, completion: Completion) -> bool:
        """Take one completion; True once all are there and the future has resolved."""
        self.done[sample] = completion
        if len(self.done) < self.request.n:
            return False
        self.future.set_result([self.done[i] for i in range(self.request.n)])
        return True


class Owner(NamedTuple):
    """Whose sample a row is."""

    job: Job
    sample: int


class Batch:
    """State of the running rows: entry i < ``n`` of every array belongs to row i of the cache."""

    def __init__(self) -> None:
        self.n = 0
        self.owners: list[Owner] = []
        self.length: Rows = np.empty(0, np.int64)
        """Columns of the cache that the row has filled."""
        self.token: Rows = np.empty(0, np.int64)
        """The newest token, not in the cache yet."""
        self.count: Rows = np.empty(0, np.int64)
        self.limit: Rows = np.empty(0, np.int64)
        self.stop: Rows = np.empty(0, np.int64)
        """Index of the row's stop strings."""
        self.temperature = np.empty(0, np.float32)
        self.top_p = np.empty(0, np.float32)
        self.uniform = np.empty((0, 0), np.float32)
        self.tokens: Rows = np.empty((0, 0), np.int64)
        self.logp = np.empty((0, 0), np.float32)

    _vectors = ("length", "token", "count", "limit", "stop", "temperature", "top_p")
    _tables = ("uniform", "tokens", "logp")

    def admit(self, owners: Sequence[Owner], stops: Sequence[int]) -> Rows:
        """Append rows about to sample their first token; gives their indices."""
        rows = np.arange(self.n, self.n + len(owners))
        self._reserve(self.n + len(owners), max(owner.job.limit for owner in owners))
        self.owners += owners
        self.n += len(owners)
        for row, (job, sample), stop in zip(rows.tolist(), owners, stops, strict=True):
            request, sampling = job.request, job.request.sampling
            self.length[row], self.token[row] = len(request.context) - 1, request.context[-1]
            self.count[row], self.limit[row], self.stop[row] = 0, job.limit, stop
            self.temperature[row], self.top_p[row] = sampling.temperature, sampling.top_p
            self.uniform[row, : job.limit] = uniforms(request.key, sample, job.limit)
        return rows

    def record(self, token: Rows, logp: NDArray[np.float32]) -> None:
        """Append each row's newest token."""
        rows, count = np.arange(self.n), self.count[: self.n]
        self.tokens[rows, count], self.logp[rows, count] = token, logp
        self.token[: self.n] = token
        self.length[: self.n] += 1
        self.count[: self.n] += 1

    def draws(self) -> NDArray[np.float32]:
        """Each row's uniform number for this step."""
        return self.uniform[np.arange(self.n), self.count[: self.n]]

    def written(self, row: int) -> list[int]:
        """Tokens that the row has sampled."""
        tokens: list[int] = self.tokens[row, : self.count[row]].tolist()
        return tokens

    def log_probabilities(self, row: int) -> tuple[float, ...]:
        """One per token of `written`."""
        return tuple(self.logp[row, : self.count[row]].tolist())

    def drop(self, rows: Rows) -> tuple[Rows, Rows]:
        """Remove rows; the last ones take their places. Gives (places, rows that moved there)."""
        left = self.n - len(rows)
        gone = np.zeros(self.n, np.bool_)
        gone[rows] = True
        holes = np.flatnonzero(gone[:left])
        movers = left + np.flatnonzero(~gone[left:])
        self.move(holes, movers)
        del self.owners[left:]
        self.n = left
        return holes, movers

    def move(self, to: Rows, source: Rows) -> None:
        """Overwrite rows ``to`` by rows ``source``."""
        for name in self._vectors + self._tables:
            array = getattr(self, name)
            array[to] = array[source]
        owners = [self.owners[row] for row in source.tolist()]
        for row, owner in zip(to.tolist(), owners, strict=True):
            self.owners[row] = owner

    def _reserve(self, rows: int, tokens: int) -> None:
        have = self.tokens.shape
        if rows > have[0] or tokens > have[1]:
            shape = (max(have[0], rows * 3 // 2), max(have[1], tokens))
            for name in self._vectors:
                setattr(self, name, _resized(getattr(self, name), shape[:1]))
            for name in self._tables:
                setattr(self, name, _resized(getattr(self, name), shape))


def _resized(array: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    new = np.zeros(shape, array.dtype)
    new[tuple(slice(size) for size in array.shape)] = array
    return new
