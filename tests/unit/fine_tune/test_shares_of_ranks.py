"""What each rank takes of a step: all of it once, neighbours together, about as much as others."""

from hypothesis import given
from hypothesis import strategies as st

from cladeflow.ranks import ALONE, Ranks


@given(st.lists(st.integers(1, 50)), st.integers(1, 6))
def test_shares_are_neighbours_that_make_up_the_whole(weights: list[int], size: int) -> None:
    items = list(enumerate(weights))
    shares = [Ranks(rank, size).share(items, lambda item: item[1]) for rank in range(size)]
    assert [item for share in shares for item in share] == items
    for share in shares:
        assert sum(weight for _, weight in share) < sum(weights) / size + 50


def test_shares_weigh_alike() -> None:
    shares = [Ranks(rank, 3).share([1, 1, 1, 1, 2, 3, 3], lambda weight: weight) for rank in (0, 1)]
    assert shares == [[1, 1, 1, 1], [2, 3]]


def test_alone_everything_is_ones_own() -> None:
    assert ALONE.share([3, 1, 2], lambda weight: weight) == [3, 1, 2]
    assert ALONE.gathered([3, 1]) == [3, 1]
