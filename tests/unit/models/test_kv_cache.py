import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cladeflow.models.kv_cache import CHUNK, windows


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
