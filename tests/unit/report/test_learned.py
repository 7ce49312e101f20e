"""What an update learned from, counted by family and level."""

from cladeflow.records import (
    Critique,
    PreferenceExample,
    SftExample,
    Step,
    UnpairedExample,
    WeightedExample,
)
from cladeflow.report.learned import learned
from tests.unit.report.conftest import Gather, attempt, task, verdict

EASY, HARD = task("chain 1+2", level=2), task("chain 3+4", level=5)
RIGHT, WRONG, SECOND = attempt(EASY, "1+2=3"), attempt(HARD, "3+4=8"), attempt(HARD, "3+4=7")
GIVEN = attempt(HARD, "3+4=7", agent="demonstration")


def test_attempts_right_ones_and_examples_are_counted_by_cell(gather: Gather) -> None:
    critique = Critique(target=(WRONG.id,), author="m", source="critic", advice="err 1")
    examples = [
        SftExample(prompt=(1, 2), steps=RIGHT.steps, sources=(RIGHT.id,)),
        SftExample(prompt=(3, 4), steps=GIVEN.steps, sources=(GIVEN.id,)),
        SftExample(prompt="judge", steps=(Step(i=0, text="err 1"),), sources=(critique.id,)),
        SftExample(prompt="of an earlier generation", steps=(), sources=("f" * 64,)),
    ]
    (found,) = learned(
        gather(
            tasks=[EASY, HARD],
            trajectories=[RIGHT, WRONG, SECOND, GIVEN],
            critiques=[critique],
            verdicts=[verdict(RIGHT, True), verdict(WRONG, False), verdict(SECOND, True)],
            examples=examples,
        )
    )
    cells = [(c.family, c.level, c.attempts, c.right, c.kept) for c in found.cells]
    assert cells == [("chain", 2, 1, 1, 1), ("chain", 5, 2, 1, 2)]
    assert (found.examples, found.kind, found.role, found.generation) == (4, "Sft", "actor", 3)
    assert found.update == "0/main.0/fine_tune.0"
    assert (found.prompt, [line.text for line in found.sample]) == ("chain 1+2", ["1+2=3"])


def test_what_the_loss_leaves_out_or_pushes_away_is_marked(gather: Gather) -> None:
    told = (Step(i=0, text="wrong", train=0.0), Step(i=1, text="right"))
    for example, roles in (
        (WeightedExample(prompt="p", steps=told), ["not trained", "agent"]),
        (PreferenceExample(prompt="p", chosen=told[1:], rejected=told[:1]), ["chosen", "rejected"]),
        (UnpairedExample(prompt="p", response=told[1:], label=1.0, rate=0.5), ["agent"]),
    ):
        (found,) = learned(gather(examples=[example]))
        assert [line.role for line in found.sample] == roles
        assert found.prompt == "p"


def test_an_update_without_examples_is_shown_as_one(gather: Gather) -> None:
    (found,) = learned(gather(examples=[]))
    assert (found.examples, found.sample, found.cells) == (0, (), ())
