"""Blocks of the reserve: disjoint, of their own split, and shared out where a cell is small."""

from cladeflow.environments import Reasoning
from cladeflow.evaluate import BenchmarkSuite, Setting, Suite


def posed(suite: Suite, env: Reasoning) -> list[str]:
    tasks = [p.task for p in suite.pose(env)]
    assert {task.split for task in tasks} == {suite.split}
    return [task.id for task in tasks]


def suites(tasks: int) -> list[Suite]:
    setting = Setting(environments=[Reasoning()], max_tokens=64, seed=3)
    return BenchmarkSuite(tasks=tasks).suites(setting)


def test_blocks_share_no_task_with_each_other_or_the_held_out_suite() -> None:
    env, (greedy, sampled) = Reasoning(), suites(40)
    blocks = [posed(greedy.on_reserve(20, block, 3), env) for block in range(3)]
    assert [len(block) for block in blocks] == [20, 20, 20]
    everything = [task for block in (*blocks, posed(greedy, env)) for task in block]
    assert len(set(everything)) == 100
    assert posed(sampled.on_reserve(20, 1, 3), env) == blocks[1]


def test_a_cell_that_is_too_small_gives_each_block_its_share() -> None:
    """Countdown with three numbers has 46 reserve tasks: 4 for each of 10 blocks, not 50."""
    env, (greedy, _) = Reasoning(), suites(400)
    block = greedy.on_reserve(200, 9, 10)
    families = [p.task.family for p in block.pose(env)]
    assert {f: families.count(f) for f in set(families)} == {
        "chain": 100, "addition": 50, "countdown": 4,
    }  # fmt: skip


def test_a_suite_without_blocks_keeps_its_hash() -> None:
    greedy, _ = suites(40)
    assert "block" not in greedy.model_dump(exclude_defaults=True)
    blocks = {greedy.on_reserve(20, b, 3).hash for b in range(3)}
    assert len(blocks | {greedy.hash}) == 4
    assert len({greedy.on_reserve(20, b, 3).questions for b in range(3)}) == 3
