"""Interleaved timing: order of the runs, medians and ratios, against values by hand."""

import pytest

from benchmarks.timing import Timing, compare, table


def test_sides_take_turns_and_ratios_are_of_speeds() -> None:
    """100 tokens in 1, 2 and 4 s against 50 in 2, 2 and 1 s: 4, 2 and 0.5 times as fast."""
    order: list[str] = []
    mine = iter([Timing(1, 1, 100), Timing(2, 1, 100), Timing(4, 1, 100)])
    other = iter([Timing(2, 1, 50), Timing(2, 1, 50), Timing(1, 1, 50)])

    def ours() -> Timing:
        order.append("a")
        return next(mine)

    def theirs() -> Timing:
        order.append("b")
        return next(other)

    found = compare(ours, theirs, 3)
    assert "".join(order) == "abbaab"
    assert found["ratios_wall"] == pytest.approx([4, 2, 0.5])
    assert (found["ratio_wall"], found["ratio_cpu"]) == pytest.approx((2, 2))
    assert found["ours"]["tokens_per_second"] == pytest.approx(50)
    assert found["theirs"]["wall_seconds"] == 2
    assert table("load", "engine", "peer", found).splitlines()[1].split() == ["engine", "50", "100"]
