"""A poison item is left out and the rest goes on; what fails everywhere is a bug."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cladeflow.errors import CladeflowError
from cladeflow.graph import Node, plan_call
from cladeflow.home import Home
from cladeflow.quarantine import sparing
from cladeflow.records import Gold
from cladeflow.session import Session
from cladeflow.stage import MapStage, StageContext
from cladeflow.work import Output, Work, once


class Shard:
    """Fails on some items; counts how often it was run and probed."""

    def __init__(self, poison: set[int], error: Exception | None = None) -> None:
        self.poison = poison
        self.error = error or KeyError("field")
        self.probes = 0

    def run(self, items: Sequence[Any]) -> Output:
        if self.poison.intersection(items):
            raise self.error
        return Output(values={"items": list(items)})

    def probe(self, items: Sequence[Any]) -> None:
        self.probes += 1
        self.run(items)


def test_what_works_is_run_once() -> None:
    shard = Shard(set())
    output, found = sparing(range(5), shard.run, shard.probe)
    assert (output.values["items"], found, shard.probes) == ([0, 1, 2, 3, 4], [], 0)


@given(st.integers(20, 90), st.data())
def test_exactly_the_poison_is_left_out(size: int, data: st.DataObject) -> None:
    poison = data.draw(st.sets(st.integers(0, size - 1), min_size=1, max_size=size // 10))
    shard = Shard(poison)
    output, found = sparing(range(size), shard.run, shard.probe)
    assert {one.at for one in found} == poison
    assert output.values["items"] == [i for i in range(size) if i not in poison]
    assert all(one.reason == "KeyError('field')" for one in found)


def test_one_of_many_is_found_by_halving() -> None:
    shard = Shard({77})
    sparing(range(256), shard.run, shard.probe)
    assert shard.probes == 2 * 8


@pytest.mark.parametrize("poison", [set(range(20)), {1, 9, 12}])
def test_what_fails_too_often_is_a_bug(poison: set[int]) -> None:
    shard = Shard(poison)
    with pytest.raises(KeyError):
        sparing(range(20), shard.run, shard.probe)


@pytest.mark.parametrize("error", [CladeflowError("gone"), MemoryError(), TimeoutError()])
def test_what_is_no_bug_is_no_poison(error: Exception) -> None:
    shard = Shard({3}, error)
    with pytest.raises(type(error)):
        sparing(range(20), shard.run, shard.probe)
    assert shard.probes == 0


def test_items_that_fail_only_together_are_no_poison() -> None:
    def run(items: Sequence[Any]) -> Output:
        if len(items) == 20:
            raise KeyError
        return Output()

    with pytest.raises(KeyError):
        sparing(range(20), run, run)


class Doubling(MapStage):
    """Writes a record per item, and fails on one of them."""

    name: ClassVar[str] = "plan"

    def items(self, ctx: StageContext) -> Sequence[int]:
        return range(60)

    def shard_size(self, ctx: StageContext, items: int) -> int:
        return 30

    def run_shard(self, ctx: StageContext, items: Sequence[int], work: Work) -> Output:
        if 41 in items:
            raise ZeroDivisionError("of item 41")
        work.metrics.count("cladeflow_trajectories_total", len(items))
        golds = [Gold(task_id=str(item), value=2 * item) for item in items]
        return Output(sets={"golds": work.write_set("golds", Gold, golds)})


def test_a_stage_commits_the_rest_and_names_the_poison(tmp_path: Path) -> None:
    with Session(Home(tmp_path)) as session:
        ctx = StageContext(session, Node(plan_call(1), ()), {})
        work = once(session, "key", "plan", "0" * 64, lambda work: Doubling().run(ctx, "key", work))
        golds = [gold.value for gold in session.read(work.sets["golds"], Gold)]
        shard = session.store.read("key/shard-1/commit.json").decode()
        metrics = session.store.read(work.metrics).decode()
    assert golds == [2 * item for item in range(60) if item != 41]
    assert '"quarantined":{"11":"ZeroDivisionError(\'of item 41\')"}' in shard
    assert '"name":"cladeflow_quarantined_items_total","value":1' in metrics
    assert '"name":"cladeflow_trajectories_total","value":59' in metrics
