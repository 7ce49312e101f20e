"""Held-out tasks are found in training examples by their words and by their descent."""

import time

import pytest

from cladeflow.environments import Reasoning
from cladeflow.fine_tune.base import RoundData, task_text
from cladeflow.fine_tune.contamination import HeldOut, N, screen, words
from cladeflow.records import (
    Message,
    Origin,
    PreferenceExample,
    SftExample,
    Split,
    Step,
    Subject,
    Task,
    Trajectory,
)

PROSE = "Ann has three red clips and buys two more at the shop, how many has she?"


def task(text: str, split: Split = "train", parents: tuple[str, ...] = ()) -> Task:
    return Task(
        env="e",
        family="f",
        prompt=(Message(role="user", text=text),),
        checker="e",
        origin=Origin(strategy="s", parents=parents),
        split=split,
    )


def attempt(of: Task, text: str = "5") -> Trajectory:
    steps = (Step(i=0, text=text),)
    return Trajectory(task_id=of.id, agent_id="a", steps=steps, group=of.id, strategy="s")


def example(of: Trajectory) -> SftExample:
    return SftExample(prompt=(1, 2), steps=of.steps, sources=(of.id,))


def dropped(tasks: list[Task], attempts: list[Trajectory], held_out: list[Task]) -> dict[str, int]:
    data = RoundData(tasks={t.id: t for t in tasks}, trajectories=attempts, verdicts={})
    examples = [example(a) for a in attempts]
    found = screen(examples, data, HeldOut(held_out, task_text), task_text)
    assert len(found.examples) + sum(found.dropped.values()) == len(examples)
    return found.dropped


def test_words_are_bare_of_case_and_punctuation_around_them() -> None:
    assert words('The "Clips", 3 of them: 47+6-9!\n') == (
        "the",
        "clips",
        "3",
        "of",
        "them",
        "47+6-9",
    )


def test_thirteen_words_in_a_row_are_an_overlap_twelve_are_not() -> None:
    run = PROSE.upper().replace(",", " ;").split()
    held_out = HeldOut([task(PROSE, "heldout")], task_text)
    assert len(words(PROSE)) == 16 and N == 13
    assert held_out.in_text("And so: " + " ".join(run[: N + 1]) + " or not")
    assert not held_out.in_text(" ".join([*run[: N - 1], "a", *run[N:]]))


@pytest.mark.parametrize(
    ("held_out", "text", "expected"),
    [
        ("chain 47+6-9", "chain 47+6-9", True),
        ("chain 47+6-9", "judge Chain  47+6-9\n47+6=53\n?", True),
        ("chain 47+6-9", "chain 47-6+9", False),
        ("chain 47+6-9", "chain 47+6-9+1", False),
        ("make 26 from 3 5", "make 26 from 3 5 7", False),
        ("make 26 from 3 5", "make 26 from 3 5\n3*5=15", True),
    ],
)
def test_a_short_task_overlaps_as_a_whole(held_out: str, text: str, expected: bool) -> None:
    assert HeldOut([task(held_out, "heldout")], task_text).in_text(text) is expected


def test_the_words_of_tasks_and_of_steps_count() -> None:
    held_out = [task(PROSE, "heldout")]
    clean = task("What is 1+1?")
    assert dropped([clean], [attempt(clean), attempt(clean, "two")], held_out) == {}
    restating = attempt(clean, f"This is like: {PROSE}")
    assert dropped([clean], [attempt(clean), restating], held_out) == {"overlap": 1}
    copied = task(f"Solve this. {PROSE}")
    assert dropped([copied], [attempt(copied), attempt(copied, "6")], held_out) == {"overlap": 2}


def test_both_sides_of_a_preference_count() -> None:
    clean = task("What is 1+1?")
    pair = PreferenceExample(
        prompt="What is 1+1?", chosen=(Step(i=0, text="2"),), rejected=(Step(i=0, text=PROSE),)
    )
    data = RoundData(tasks={clean.id: clean}, trajectories=[], verdicts={})
    found = screen([pair], data, HeldOut([task(PROSE, "heldout")], task_text), task_text)
    assert found.dropped == {"overlap": 1}


def test_descent_is_followed_to_its_end() -> None:
    held_out = task("chain 1+1", "heldout")
    child = task("chain 2+1", parents=(held_out.id,))
    grandchild = task("chain 3+1", parents=(child.id,))
    about = task("is it right?").model_copy(
        update={"subject": Subject(task_id=held_out.id, candidates=("=2",), source="policy")}
    )
    train = task("chain 4+1")
    tasks = [child, grandchild, about, train]
    assert dropped(tasks, [attempt(t) for t in tasks], [held_out]) == {"lineage": 3}


def test_only_the_train_split_is_trained_on() -> None:
    tasks = [task("a", "heldout"), task("b", "probe"), task("c", "dev"), task("d", "train")]
    assert dropped(tasks, [attempt(t) for t in tasks], []) == {"lineage": 3}


def test_generated_arithmetic_is_clean_and_screening_is_cheap() -> None:
    env = Reasoning()
    sets = {
        split: [
            p.task
            for family, level in (("chain", 6), ("addition", 4), ("countdown", 3))
            for p in env.tasks(family=family, level=level, split=split, n=130, seed=0)
        ]
        for split in ("train", "heldout")
    }
    solved = [attempt(t, "\n".join(s.text for s in env.demonstration(t))) for t in sets["train"]]
    began = time.process_time()
    assert dropped(sets["train"], solved, sets["heldout"]) == {}
    assert time.process_time() - began < 1.0
    leaked = [*sets["train"], sets["heldout"][0].model_copy(update={"split": "train"})]
    assert dropped(leaked, [attempt(leaked[-1])], sets["heldout"]) == {"overlap": 1}
