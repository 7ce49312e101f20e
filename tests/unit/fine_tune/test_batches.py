from collections import Counter
from itertools import chain, pairwise

from hypothesis import given
from hypothesis import strategies as st

from cladeflow.fine_tune import TrainSettings
from cladeflow.fine_tune.batches import token_batches

SIZES = st.lists(st.integers(1, 30), min_size=1, max_size=40)


def settings(epochs: float = 1.0, seed: str = "s", token_batch: int = 50) -> TrainSettings:
    return TrainSettings(learning_rate=1, token_batch=token_batch, epochs=epochs, seed=seed)


@given(SIZES, st.integers(1, 3), st.integers(1, 100))
def test_every_epoch_visits_everything_once(sizes: list[int], epochs: int, room: int) -> None:
    batches = token_batches(sizes, settings(epochs, token_batch=room))
    assert Counter(chain(*batches)) == dict.fromkeys(range(len(sizes)), epochs)
    for batch in batches:
        assert len(batch) == 1 or sum(sizes[index] for index in batch) <= room


@given(SIZES, st.integers(1, 100))
def test_no_batch_has_room_for_the_next_example(sizes: list[int], room: int) -> None:
    batches = token_batches(sizes, settings(2, token_batch=room))
    for batch, following in pairwise(batches):
        assert sum(sizes[index] for index in (*batch, following[0])) > room


def test_equal_keys_give_equal_orders_and_others_do_not() -> None:
    sizes = [10] * 40
    assert token_batches(sizes, settings()) == token_batches(sizes, settings())
    assert token_batches(sizes, settings()) != token_batches(sizes, settings(seed="t"))


def test_epochs_differ_in_order() -> None:
    visits = list(chain(*token_batches([10] * 40, settings(2))))
    assert visits[:40] != visits[40:]


def test_a_fraction_of_an_epoch() -> None:
    visits = list(chain(*token_batches([10] * 40, settings(1.25))))
    assert len(visits) == 50
    assert len(set(visits[40:])) == 10
    assert token_batches([10] * 3, settings(0.01)) in ([[0]], [[1]], [[2]])
