"""Variants of failed tasks: which tasks, how far from them, and their lineage."""

import re

import pytest

from cladeflow.environments import Posed, Toolbox
from cladeflow.environments.base import split_of
from cladeflow.environments.reasoning.environment import FAMILIES
from cladeflow.records import Task
from cladeflow.task_synthesis import FailureEvolve
from tests.attempts import ENV, Judged, attempt, earlier

CHAIN, ADD, MAKE = (ENV.pose(p).task for p in ("chain 20+3-1", "add 58+67", "make 26 from 3 5 7"))
FAILED, SOLVED, HALF = (
    [(attempt(task, "=0", sample=i), mark) for i, mark in enumerate(marks)]
    for task, marks in ((CHAIN, (0, 0, -1)), (ADD, (1, 1)), (MAKE, (1, 0)))
)


def evolved(judged: Judged, strategy: FailureEvolve | None = None, n: int = 20) -> list[Posed]:
    known = earlier([CHAIN, ADD, MAKE], judged)
    made = (strategy or FailureEvolve()).generate(ENV, n=n, gen=1, draw=0, seed=0, earlier=known)
    return list(made)


def numbers(task: Task) -> list[str]:
    return re.findall(r"\d+", task.prompt[0].text)


def test_only_what_was_never_solved_has_variants() -> None:
    found = evolved([*FAILED, *SOLVED, *HALF])
    assert {task.origin.parents for task, _ in found} == {(CHAIN.id,)}
    assert len({task.id for task, _ in found}) == 20
    assert evolved(SOLVED) == evolved([]) == []


def test_the_bar_of_failure_is_an_option_and_the_worst_come_first() -> None:
    found = evolved([*HALF, *FAILED, *SOLVED], FailureEvolve(at_most=0.5), n=3)
    assert [task.origin.parents[0] for task, _ in found] == [CHAIN.id, MAKE.id, CHAIN.id]


@pytest.mark.parametrize("failed", [CHAIN, ADD, MAKE])
def test_a_near_variant_differs_in_one_number_and_is_a_sound_train_task(failed: Task) -> None:
    family = FAMILIES[failed.family]
    for task, gold in evolved([(attempt(failed, "=0"), 0.0)]):
        problem = task.prompt[0].text
        assert (task.family, task.level, task.split) == (failed.family, failed.level, "train")
        assert split_of(family.canonical(problem)) == "train"
        assert sum(a != b for a, b in zip(numbers(task), numbers(failed), strict=True)) == 1
        assert family.sound(problem)
        assert (gold.task_id, gold.value) == (task.id, family.answer(problem))
        reference = ENV.demonstration(task)
        assert ENV.check(task, gold, reference).ok


def test_lineage() -> None:
    [(task, _)] = evolved(FAILED, n=1)
    assert (task.origin.strategy, task.origin.parents) == ("failure_evolve", (CHAIN.id,))


def test_a_task_that_was_attempted_already_is_no_variant() -> None:
    [(twin, _)] = evolved(FAILED, n=1)
    plain = ENV.pose(twin.prompt[0].text).task
    known = earlier([CHAIN, plain], [*FAILED, (attempt(plain, "=0"), 1.0)])
    again = FailureEvolve().generate(ENV, n=20, gen=1, draw=0, seed=0, earlier=known)
    assert twin.prompt not in [task.prompt for task, _ in again]


def test_harder_and_easier_variants_are_of_the_neighbouring_level() -> None:
    for step in (1, -1):
        found = evolved(FAILED, FailureEvolve(harder=step))
        assert {(t.family, t.level, t.origin.parents) for t, _ in found} == {
            ("chain", CHAIN.level + step, (CHAIN.id,))
        }
    assert evolved(FAILED, FailureEvolve(harder=-5)) == []


def test_judge_tasks_and_held_out_tasks_have_no_variants() -> None:
    judging = ENV.pose_judge(CHAIN, "=0").task
    held = next(t for i in range(99) if (t := ENV.pose(f"chain {i}+1").task).split == "heldout")
    known = earlier([judging, held], [(attempt(judging, "ok"), 0.0), (attempt(held, "=0"), 0.0)])
    assert FailureEvolve().generate(ENV, n=9, gen=1, draw=0, seed=0, earlier=known) == []


def test_an_environment_without_near_variants_gives_others_of_the_cell() -> None:
    env = Toolbox()
    failed = env.tasks(family="price", level=2, split="train", n=1, seed=0)[0].task
    known = earlier([failed], [(attempt(failed, "answer 0"), 0.0)])
    found = FailureEvolve().generate(env, n=5, gen=1, draw=0, seed=0, earlier=known)
    assert [(t.family, t.level, t.origin.parents) for t, _ in found] == [
        ("price", 2, (failed.id,))
    ] * 5
