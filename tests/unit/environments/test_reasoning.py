"""The reasoning environment: grammar, exact checks, splits, judge tasks."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cladeflow.environments import Reasoning, split_of
from cladeflow.environments.base import SPLIT_SHARES
from cladeflow.environments.reasoning.corrupt import corrupt
from cladeflow.environments.reasoning.environment import FAMILIES
from cladeflow.errors import CladeflowError
from cladeflow.records import Split, Step, Verdict

ENV = Reasoning()
SPLITS: tuple[Split, ...] = tuple(SPLIT_SHARES)
cells = st.sampled_from([(name, level) for name, f in FAMILIES.items() for level in f.levels])


def attempt(text: str) -> list[Step]:
    return [Step(i=i, text=line) for i, line in enumerate(text.splitlines(keepends=True))]


def check(problem: str, text: str) -> Verdict:
    posed = ENV.pose(problem)
    return ENV.check(posed.task, posed.gold, attempt(text))


@pytest.mark.parametrize(
    ("problem", "solution", "answer"),
    [
        ("chain 47+6-9", ["47+6=53", "53-9=44", "=44"], "44"),
        ("add 58+67", ["8+7=15", "5+6+1=12", "=125"], "125"),
        ("add 905+98", ["5+8=13", "0+9+1=10", "9+0+1=10", "=1003"], "1003"),
        ("make 26 from 3 5 7", ["3*7=21", "5+21=26", "=26"], "26"),
    ],
)
def test_reference_traces(problem: str, solution: list[str], answer: str) -> None:
    family = FAMILIES[ENV.pose(problem).task.family]
    assert family.solve(problem) == solution
    assert family.answer(problem) == answer == ENV.answer("\n".join(solution))


@given(cells, st.sampled_from(SPLITS), st.integers(0, 5))
def test_tasks_are_of_their_cell_and_repeat(cell: tuple[str, int], split: Split, seed: int) -> None:
    family, level = cell
    tasks = ENV.at_most(family=family, level=level, split=split, n=2, seed=seed)
    assert tasks == ENV.at_most(family=family, level=level, split=split, n=2, seed=seed)
    # The easiest cells are small: countdown with two numbers has one task in reserve.
    assert len({task.id for task, _ in tasks}) == len(tasks) >= 1
    for task, gold in tasks:
        assert (task.family, task.level, task.split) == (family, level, split)
        assert gold.task_id == task.id


def test_splits_share_no_problem_even_rewritten() -> None:
    assert ENV.pose("add 12+34").task.split == ENV.pose("add 34+12").task.split
    drawn = {
        split: {
            FAMILIES["addition"].canonical(task.prompt[0].text)
            for task, _ in ENV.tasks(family="addition", level=2, split=split, n=80, seed=1)
        }
        for split in SPLITS
    }
    assert len(set.union(*drawn.values())) == 80 * len(SPLITS)


def test_split_shares_hold() -> None:
    n = 4000
    counts = [split_of(f"task {i}") for i in range(n)]
    for split, share in SPLIT_SHARES.items():
        assert counts.count(split) / n == pytest.approx(share / 100, abs=0.02)


@given(cells, st.integers(0, 1000))
def test_demonstrations_pass_and_every_corruption_is_found(
    cell: tuple[str, int], seed: int
) -> None:
    name, level = cell
    [(task, gold)] = ENV.tasks(family=name, level=level, split="train", n=1, seed=seed)
    verdict = ENV.check(task, gold, ENV.demonstration(task))
    assert verdict.ok
    assert verdict.parts == {"answer": 1, "format": 1, "steps": 1, "first_error": -1}
    family, problem = FAMILIES[name], task.prompt[0].text
    right, wrong = family.solve(problem), corrupt(family, problem, Random(seed))
    first = next(i for i, line in enumerate(wrong) if line != right[i])
    verdict = ENV.check(task, gold, attempt("\n".join(wrong)))
    assert verdict.parts["first_error"] == first
    assert verdict.parts["steps"] == first / len(wrong)


@pytest.mark.parametrize(
    ("problem", "text", "answer", "first_error"),
    [
        ("chain 47+6-9", "47+6=54\n54-10=44\n=44", 1, 0),  # right by luck: a step is wrong
        ("chain 47+6-9", "47+6=53\n=44", 1, 1),  # skips a step
        ("chain 47+6-9", "47+6=53\n53-9=44", 0, -1),  # breaks off: no wrong line, no answer
        ("chain 47+6-9", "47+6=53\n53-9=44\n=45", 0, 2),
        ("add 58+67", "8+7=15\n5+6=11\n=115", 0, 1),  # forgets the carry
        ("make 26 from 3 5 7", "=26", 0, 0),  # the target alone proves nothing
        ("make 26 from 3 5 7", "3*7=21\n3+21=24\n=26", 0, 1),  # uses 3 twice
        ("make 26 from 3 5 7", "7*3=21\n21+5=26\n=26", 1, -1),  # another order is right too
        ("make 21 from 3 5 7", "3*7=21\n=21", 1, -1),  # a number may be left over
        ("make 21 from 3 5 7", "3*7=21\n5+21=26\n=21", 0, 2),
    ],
)
def test_check(problem: str, text: str, answer: float, first_error: float) -> None:
    verdict = check(problem, text)
    assert (verdict.value, verdict.ok) == (answer, bool(answer))
    assert verdict.parts["first_error"] == first_error


@pytest.mark.parametrize(
    ("text", "value", "steps"),
    [
        ("Let us see.\n47 + 6 = 53\n53 - 9 = 44\n\n**Answer:** 44", 1, 1),
        ("47 + 6 = 53, then 53 - 9 = 44.\nThe answer is $44$.", 1, 1),
        ("\\boxed{44}", 1, 1),
        ("47 + 6 = 54\nAnswer: 44", 1, 0),
        ("I cannot tell.", 0, 1),
    ],
)
def test_chat_answers_parse(text: str, value: float, steps: float) -> None:
    verdict = check("chain 47+6-9", text)
    assert (verdict.value, verdict.parts["steps"]) == (value, steps)
    assert verdict.parts["format"] == (text != "I cannot tell.")


def test_what_a_base_model_writes_after_its_answer_does_not_count() -> None:
    assert check("chain 47+6-9", "47+6=53\n53-9=44\n=44\n\nchain 1+1\n1+1=2\n=2").ok


def test_observations_are_not_part_of_an_attempt() -> None:
    posed = ENV.pose("chain 47+6-9")
    hint = Step(i=0, role="environment", text="=44", kind="observe", train=0)
    assert not ENV.check(posed.task, posed.gold, [hint]).ok


def test_judge_tasks() -> None:
    judged = ENV.judge_tasks(family="chain", level=3, split="train", n=60, seed=0)
    answers = [gold.value for _, gold in judged]
    assert 15 < answers.count("ok") < 45
    assert {"err 1", "err 2", "err 3", "err 4"} < set(answers)
    for task, gold in judged:
        assert task.kind == "judge"
        shown = ENV.demonstration(task)
        assert ENV.check(task, gold, shown).ok
        assert len(shown) > 1 and shown[-1].text == gold.value
        assert not ENV.check(task, gold, attempt("err 9")).ok
        assert ENV.check(task, gold, attempt("fine")).parts["format"] == 0


def test_judge_and_revise_prompts() -> None:
    task = ENV.pose("chain 47+6-9").task
    steps = attempt("47+6=54\n54-9=45\n=45")
    assert ENV.judge_prompt(task, steps) == "judge chain 47+6-9\n47+6=54\n54-9=45\n=45\n?"
    assert ENV.revise_prompt(task, steps, "err 1") == (
        "revise chain 47+6-9\n47+6=54\n54-9=45\n=45\nerr 1"
    )
    posed = ENV.pose_judge(task, "47+6=54\n54-9=45\n=45", source="policy")
    assert posed.gold.value == "err 1"
    assert posed.task.prompt[0].text == ENV.judge_prompt(task, steps)
    assert posed.task.split == task.split


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("ok", -1),
        ("err 2\n", 1),
        ("47+6=53\nerr 1", 0),
        ("err", None),
        ("err 0", None),
        ("ok\n=44", None),
        ("", None),
    ],
)
def test_judgements_are_read(text: str, index: int | None) -> None:
    assert ENV.judgement(text) == index


@pytest.mark.parametrize(
    ("problem", "lines", "review"),
    [
        ("chain 47+6-9", "47+6=53 53-9=44 =44", "47+6=53 53-9=44 =44"),
        ("chain 47+6-9", "47+6=53 53-8=45 =45", "47+6=53 53-9=44"),
        ("chain 47+6-9", "47+6=53 53-9=44 =44 =44", "47+6=53 53-9=44 =44"),
        ("add 58+67", "8+7=16 5+6=11 =116", "8+7=15"),
        ("make 26 from 3 5 7", "5*7=35 35-3=31 =31", "5*7=35 35-3=32"),
        ("make 26 from 3 5 7", "3*7=21 5+21=26 =26", "3*7=21 5+21=26 =26"),
        ("make 26 from 3 5 7", "3*7=21 21+5=26 =62", "3*7=21 21+5=26 =26"),
    ],
)
def test_a_review_rights_the_lines_up_to_the_first_wrong_one(
    problem: str, lines: str, review: str
) -> None:
    family = FAMILIES[ENV.pose(problem).task.family]
    assert family.review(problem, lines.split()) == review.split()


def test_bad_requests_say_what_exists() -> None:
    with pytest.raises(CladeflowError, match="chain 1-16"):
        ENV.tasks(family="chain", level=99, split="train", n=1, seed=0)
    with pytest.raises(CladeflowError, match="has only"):
        ENV.tasks(family="addition", level=1, split="probe", n=100, seed=0)
    with pytest.raises(CladeflowError, match="write it as"):
        ENV.pose("what is 2+2?")
    [heldout] = ENV.tasks(family="chain", level=2, split="heldout", n=1, seed=0)
    with pytest.raises(CladeflowError, match="only train"):
        ENV.demonstration(heldout.task)


@pytest.mark.parametrize("kind", ["seed", "chat", "base"])
def test_prompt_formats_hold_the_task_once(kind: str) -> None:
    assert ENV.prompt_formats[kind].count("{task}") == 1
    assert "chain 1+1" in ENV.prompt_formats[kind].format(task="chain 1+1")
