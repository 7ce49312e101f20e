import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import DynamicCache

from cladeflow.models.kv_cache import CHUNK, RowCache, windows


@given(st.lists(st.integers(1, 500), min_size=1, max_size=300))
def test_windows_cover_every_row_once_and_wide_enough(lengths: list[int]) -> None:
    runs = windows(np.array(lengths))
    assert [run.start for run in runs[1:]] == [run.stop for run in runs[:-1]]
    assert (runs[0].start, runs[-1].stop) == (0, len(lengths))
    assert all(run.width == max(lengths[run.start : run.stop]) for run in runs)


def test_equal_lengths_are_one_window() -> None:
    assert len(windows(np.full(1000, 70))) == 1


def test_long_and_short_rows_part() -> None:
    lengths = np.array([200] * (2 * CHUNK) + [20] * CHUNK)
    assert [(run.stop - run.start, run.width) for run in windows(lengths)] == [
        (2 * CHUNK, 200),
        (CHUNK, 20),
    ]


def test_the_cache_keeps_within_its_budget_when_rows_get_longer() -> None:
    cache = RowCache(torch.device("cpu"), torch.float32, budget=1000)
    cache.most = (cache.rows_of(10), 10)
    cache.reserve(90, 10)
    assert cache.capacity == (100, 10)
    cache.most = (cache.rows_of(300), 300)
    cache.reserve(2, 5)
    assert cache.capacity == (100, 10), "what fits stays"
    cache.reserve(2, 11)
    assert cache.capacity == (3, 300)


def test_growing_keeps_what_rows_hold() -> None:
    cache = RowCache(torch.device("cpu"), torch.float32, budget=10_000)
    cache.most = (100, 100)
    cache.reserve(2, 2)
    prefix = DynamicCache()
    states = torch.arange(2 * 3 * 2 * 4.0).view(2, 3, 2, 4)
    prefix.update(states, -states, 0)
    cache.fill(np.array([0, 1]), prefix, np.array([1, 0]))
    cache.reserve(80, 70)
    cache.begin(np.array([2, 2]))
    keys, values = cache.update(torch.ones(2, 3, 1, 4), torch.zeros(2, 3, 1, 4), 0)
    assert torch.equal(keys, torch.cat([states.flip(0), torch.ones(2, 3, 1, 4)], dim=2))
    assert torch.equal(values, torch.cat([-states.flip(0), torch.zeros(2, 3, 1, 4)], dim=2))
