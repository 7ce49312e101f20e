"""The worth of critiques, from rewards computed by hand."""

import asyncio
from collections.abc import Iterator, Sequence

import pytest

from cladeflow.critique.base import first_error_critique
from cladeflow.errors import RecipeError
from cladeflow.recipes.fit import check_fit
from cladeflow.recipes.parse import parse_recipe
from cladeflow.records import Critique, Trajectory, Verdict
from cladeflow.sandbox.client import CheckerClient
from cladeflow.sandbox.gold import GoldStore
from cladeflow.verification import Group, RefinementGain, VerifyContext
from tests.attempts import ENV, attempt

POSED, STRANGER = ENV.pose("chain 20+3-1"), ENV.pose("chain 1+1").task
TASK = POSED.task
RIGHT = attempt(TASK, "20+3=23", "23-1=22", "=22")
WRONG = attempt(TASK, "20+3=24", "24-1=23", "=23", sample=1)


@pytest.fixture(scope="module")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CheckerClient]:
    root = tmp_path_factory.mktemp("gold")
    GoldStore(root).add([POSED.gold])
    with CheckerClient(root) as client:
        yield client


def said(of: Trajectory, first_error: int) -> Critique:
    return first_error_critique(of, first_error, author="test", source="critic")


def refined(of: Trajectory, right: bool, sample: int = 0) -> Trajectory:
    lines = ("20+3=23", "23-1=22", "=22") if right else ("20+3=25", "=25")
    return attempt(TASK, *lines, sample=sample, after=of)


def judge(
    checker: CheckerClient,
    made: Sequence[Trajectory],
    critiques: Sequence[Critique],
    earlier: Sequence[Trajectory] = (),
    relative: bool = True,
) -> list[Verdict]:
    by_target: dict[str, list[Critique]] = {}
    for critique in critiques:
        by_target.setdefault(critique.target[0], []).append(critique)
    task = TASK if made[0].task_id == TASK.id else STRANGER
    group = Group(task, made, by_target, earlier)
    ctx = VerifyContext(checker=checker, gen=2, seed="s")
    return asyncio.run(RefinementGain(relative=relative).verify([group], ctx))


@pytest.mark.parametrize(
    ("before", "after", "gain"),
    [(WRONG, True, 1), (WRONG, False, 0), (RIGHT, False, -1), (RIGHT, True, 0)],
)
def test_the_gain_is_the_difference_that_the_critique_made(
    checker: CheckerClient, before: Trajectory, after: bool, gain: float
) -> None:
    critique = said(before, 0)
    [verdict] = judge(checker, [before, refined(before, after)], [critique])
    assert (verdict.target.kind, verdict.target.id) == ("critique", critique.id)
    assert (verdict.value, verdict.ok, verdict.n) == (gain, gain > 0, 1)
    assert verdict.parts == {"before": float(before is RIGHT), "after": float(after)}
    [alone] = judge(checker, [before, refined(before, after)], [critique], relative=False)
    assert (alone.value, alone.ok) == (float(after), after)


def test_what_is_accepted_stays_as_it_is(checker: CheckerClient) -> None:
    critiques = [said(RIGHT, -1), said(WRONG, -1)]
    assert [v.value for v in judge(checker, [RIGHT, WRONG], critiques)] == [0, 0]
    assert [v.value for v in judge(checker, [RIGHT, WRONG], critiques, relative=False)] == [1, 0]


def test_several_refinements_of_one_critique_count_as_their_mean(checker: CheckerClient) -> None:
    after = [refined(WRONG, i == 0, sample=i) for i in range(4)]
    [verdict] = judge(checker, [WRONG, *after], [said(WRONG, 0)])
    assert (verdict.value, verdict.n) == (0.25, 4)


def test_a_critique_that_nothing_followed_has_no_verdict(checker: CheckerClient) -> None:
    assert judge(checker, [WRONG], [said(WRONG, 0)]) == []


def test_what_is_refined_may_be_an_attempt_of_an_earlier_pass(checker: CheckerClient) -> None:
    [verdict] = judge(checker, [refined(WRONG, True)], [said(WRONG, 0)], earlier=[WRONG, RIGHT])
    assert verdict.value == 1


def test_a_failed_check_is_no_worth(checker: CheckerClient) -> None:
    lost = attempt(STRANGER, "=2")
    [verdict] = judge(checker, [lost], [said(lost, -1)])
    assert (verdict.outcome, verdict.ok, verdict.value) == ("error", None, 0)


def test_a_recipe_without_refinements_is_refused() -> None:
    raw = {
        "name": "t",
        "environments": ["reasoning"],
        "critique": "env_feedback",
        "verification": "refinement_gain",
    }
    with pytest.raises(RecipeError, match="'refinement_gain' needs 'chain'"):
        check_fit(parse_recipe(raw, "t.yaml"), "t.yaml")
    check_fit(parse_recipe({**raw, "rollout": "self_refine"}, "t.yaml"), "t.yaml")
