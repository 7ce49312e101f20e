"""seed_tasks: the mix of levels, and a pool that is walked without repetition."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cladeflow.environments import Posed, Reasoning, Toolbox
from cladeflow.errors import CladeflowError, RecipeError
from cladeflow.task_synthesis.seed_tasks import SeedTasks, apportion

ENV = Toolbox()
EASY = {"price": {1: 3.0, 2: 1.0}}


def draw(strategy: SeedTasks, n: int, turn: int, seed: int = 0) -> list[Posed]:
    return list(strategy.generate(ENV, n=n, gen=1, draw=turn, seed=seed))


def ids(posed: list[Posed]) -> list[str]:
    return [p.task.id for p in posed]


def test_the_mix_follows_the_weights() -> None:
    mix = Counter((p.task.family, p.task.level) for p in draw(SeedTasks(levels=EASY), 42, 0))
    # Quotas 31.5 and 10.5: one task is left over, the earlier cell of two equal remainders has it.
    assert mix == {("price", 1): 32, ("price", 2): 10}


def test_by_default_every_level_is_drawn_alike() -> None:
    mix = Counter((p.task.family, p.task.level) for p in draw(SeedTasks(), 40, 0))
    assert mix == {(f, level): 5 for f, levels in ENV.levels.items() for level in levels}


@given(
    weights=st.dictionaries(
        st.tuples(st.text(), st.integers()), st.floats(0.01, 100), min_size=1, max_size=8
    ),
    n=st.integers(0, 1000),
)
def test_apportionment_keeps_the_total_and_stays_within_one_of_the_quota(
    weights: dict[tuple[str, int], float], n: int
) -> None:
    counts = apportion(weights, n)
    assert sum(counts.values()) == n
    for place, weight in weights.items():
        assert abs(counts[place] - n * weight / sum(weights.values())) < 1 + 1e-9


def test_generations_do_not_repeat_a_task_while_the_pool_lasts() -> None:
    strategy = SeedTasks(levels=EASY, pool=60)
    drawn = [task for turn in range(2) for task in ids(draw(strategy, 40, turn))]
    assert len(set(drawn)) == 80


def test_a_used_up_pool_is_drawn_anew() -> None:
    strategy = SeedTasks(levels={"price": {3: 1.0}}, pool=20)
    first, second, third = (set(ids(draw(strategy, 10, turn))) for turn in range(3))
    assert len(first | second) == 20
    assert len(third - first - second) > 5


def test_a_small_cell_starts_over() -> None:
    strategy = SeedTasks(levels={"price": {1: 1.0}}, pool=10**6)
    whole = len(draw(strategy, 10_000, 0))
    assert 1000 < whole < 2432
    assert len(set(ids(draw(strategy, 10_000, 0)))) == whole
    assert len(set(ids(draw(strategy, 1000, 2)))) == 1000


def test_an_evolution_of_any_length_has_tasks() -> None:
    """The default mix, generation by generation; its smallest cell holds tasks for six of them."""
    drawn = [
        ids(list(SeedTasks().generate(Reasoning(), n=1000, gen=turn + 1, draw=turn, seed=0)))
        for turn in range(9)
    ]
    assert all(len(set(tasks)) == 1000 for tasks in drawn)
    assert len({task for tasks in drawn[:6] for task in tasks}) == 6000
    known = {task for tasks in drawn[:7] for task in tasks}
    assert 0 < len(known & set(drawn[8])) <= 200, "only the cell that is used up starts over"


def test_a_draw_depends_on_its_turn_and_the_root_seed_alone() -> None:
    strategy = SeedTasks()
    assert ids(draw(strategy, 16, 3, seed=1)) == ids(draw(strategy, 16, 3, seed=1))
    assert not set(ids(draw(strategy, 16, 3, seed=1))) & set(ids(draw(strategy, 16, 3, seed=2)))


def test_tasks_are_of_the_train_split() -> None:
    assert {p.task.split for p in draw(SeedTasks(), 40, 0)} == {"train"}


def test_unknown_families_and_levels_are_errors() -> None:
    with pytest.raises(RecipeError, match="price, chain_lookup"):
        draw(SeedTasks(levels={"prize": {1: 1.0}}), 4, 0)
    with pytest.raises(CladeflowError, match="no tasks price 9"):
        draw(SeedTasks(levels={"price": {9: 1.0}}), 4, 0)
    with pytest.raises(ValidationError):
        SeedTasks(levels={"price": {1: 0.0}})


def test_options_survive_the_plan() -> None:
    strategy = SeedTasks(levels=EASY)
    assert SeedTasks.from_options(strategy.model_dump(mode="json")) == strategy
