"""The key-value cache of a running batch, one row per sequence, every row starting at column 0."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import Cache, DynamicCache

from cladeflow.models.attention import Window

Rows = NDArray[np.int64]

STEP = 64
"""Rows and columns are added in multiples of this, and by half at least."""
CHUNK = 32
"""Least rows that share an attention window."""


class RowCache(Cache):
    """Keys and values of each layer, with room to grow.

    Rows are written one column per step, each at its own position, and the batch is always the
    first ``n`` rows: the places of rows that finish are taken by the last ones (`move`). There is
    never more room than ``budget`` columns over all rows, unless one row alone needs it.
    """

    def __init__(self, device: torch.device, dtype: torch.dtype, budget: int) -> None:
        super().__init__(layers=[])
        self.device, self.dtype, self.budget = device, dtype, budget
        self.capacity = self.most = (0, 0)
        """Rows and columns: allocated, and at most needed by what has been admitted."""
        self.n, self.width = 0, 0
        self.index = self.positions = torch.empty(0, dtype=torch.long, device=device)
        self._rows: list[_Layer] = []

    def rows_of(self, length: int) -> int:
        """Rows of ``length`` that the budget allows."""
        return max(1, self.budget // length)

    def reserve(self, rows: int, columns: int) -> None:
        """Make room for ``rows`` of ``columns``, within ``most``."""
        capacity = (
            _grown(self.capacity[0], rows, self.most[0]),
            _grown(self.capacity[1], columns, self.most[1]),
        )
        if capacity[0] * capacity[1] > self.budget:
            capacity = self.most
        if capacity != self.capacity:
            self.capacity = capacity
            for layer in self._rows:
                layer.grow(capacity)

    def fill(self, rows: Rows, prefix: DynamicCache, source: Rows) -> None:
        """Copy ``prefix``'s sequence ``source[j]`` into row ``rows[j]``, from column 0."""
        to, of = self._tensor(rows), self._tensor(source)
        for i, (keys, values, _) in enumerate(prefix):
            layer = self._layer(i, keys, values)
            layer.keys[:, :, : keys.shape[2]][to] = keys[of].to(self.dtype)
            layer.values[:, :, : values.shape[2]][to] = values[of].to(self.dtype)

    def begin(self, lengths: Rows) -> tuple[Window, ...]:
        """Prepare a step that writes column ``lengths[i]`` of each row i; gives its windows."""
        self.n, self.width = len(lengths), int(lengths.max()) + 1
        self.positions = self._tensor(lengths)
        if len(self.index) != self.n:
            self.index = torch.arange(self.n, device=self.device)
        self.reserve(self.n, self.width)
        return windows(lengths + 1)

    def mask(self) -> torch.Tensor:
        """Additive mask [rows, 1, 1, columns]: 0 up to the column that this step writes."""
        columns = torch.arange(self.width, device=self.device)
        hidden = columns > self.positions[:, None]
        mask = torch.zeros(hidden.shape, dtype=self.dtype, device=self.device)
        return mask.masked_fill_(hidden, torch.finfo(self.dtype).min)[:, None, None]

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *_: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write one column per row; gives the batch's keys and values up to the widest row.

        States are [rows, heads, 1, head size], what comes back [rows, heads, columns, head size].
        """
        layer = self._layer(layer_idx, key_states, value_states)
        layer.keys[self.index, :, self.positions] = key_states[:, :, 0].to(self.dtype)
        layer.values[self.index, :, self.positions] = value_states[:, :, 0].to(self.dtype)
        n, width = self.n, self.width
        return layer.keys[:n, :, :width], layer.values[:n, :, :width]

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Columns written before this step, in the widest row."""
        return self.width - 1

    def move(self, to: Rows, source: Rows, lengths: Rows) -> None:
        """Overwrite rows ``to`` by rows ``source``, other ones, of ``lengths``.

        Row by row, because a copy of whole rows is several times faster than an indexed one.
        """
        moves = list(zip(to.tolist(), source.tolist(), lengths.tolist(), strict=True))
        for buffer in self._buffers():
            for row, origin, length in moves:
                buffer[row, :, :length] = buffer[origin, :, :length]

    def permute(self, order: Rows, width: int) -> None:
        """Make row ``order[i]`` row i; no row is longer than ``width``."""
        index = self._tensor(order)
        for buffer in self._buffers():
            buffer[: len(order), :, :width] = buffer[:, :, :width][index]

    def _layer(self, i: int, keys: torch.Tensor, values: torch.Tensor) -> "_Layer":
        """Layer ``i``, made for heads as in these states where it is new."""
        while len(self._rows) <= i:
            self._rows.append(_Layer(self.capacity, keys.to(self.dtype), values.to(self.dtype)))
        return self._rows[i]

    def _buffers(self) -> Iterator[torch.Tensor]:
        for layer in self._rows:
            yield layer.keys
            yield layer.values

    def _tensor(self, values: Rows) -> torch.Tensor:
        return torch.from_numpy(values).to(self.device)


class _Layer:
    """One layer's keys and values [rows, heads, columns, head size].

    They start as zeros, because what a mask hides must be finite: 0 x NaN is NaN.
    """

    def __init__(self, capacity: tuple[int, int], keys: torch.Tensor, values: torch.Tensor) -> None:
        self.keys, self.values = _buffer(capacity, keys), _buffer(capacity, values)

    def grow(self, capacity: tuple[int, int]) -> None:
        """Reallocate at ``capacity``, keeping what is there."""
        self.keys, self.values = _copied(capacity, self.keys), _copied(capacity, self.values)


def _buffer(capacity: tuple[int, int], like: torch.Tensor) -> torch.Tensor:
    rows, columns = capacity
    return like.new_zeros(rows, like.shape[1], columns, like.shape[3])


def _copied(capacity: tuple[int, int], old: torch.Tensor) -> torch.Tensor:
    new = _buffer(capacity, old)
    rows, columns = min(len(old), len(new)), min(old.shape[2], new.shape[2])
    new[:rows, :, :columns] = old[:rows, :, :columns]
    return new


def _grown(have: int, need: int, most: int) -> int:
    """``have`` if it holds ``need``, else more, so that growing stays rare; at most ``most``."""
    if need <= have:
        return have
    return min(most, -(-max(need, have * 3 // 2) // STEP) * STEP)


def area(runs: Iterable[Window]) -> int:
    """Rows times columns that attention reads."""
    return sum((run.stop - run.start) * run.width for run in runs)


def windows(lengths: Rows) -> tuple[Window, ...]:
    """Cut a batch into runs of rows of similar length, so that few columns are read in vain.

    A run takes in the next `CHUNK` rows where that widens nothing by more than an eighth.
    """
    starts = np.arange(0, len(lengths), CHUNK)
    widths: list[int] = np.maximum.reduceat(lengths, starts).tolist()
    runs: list[Window] = []
    for start, width in zip(starts.tolist(), widths, strict=True):
        stop = min(start + CHUNK, len(lengths))
        if runs and abs(runs[-1].width - width) * 8 <= max(width, runs[-1].width):
            first = runs.pop()
            runs.append(Window(first.start, stop, max(first.width, width)))
        else:
            runs.append(Window(start, stop, width))
    return tuple(runs)
