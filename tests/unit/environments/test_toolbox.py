"""The toolbox environment: tools, interaction, exact checks by replay, splits, demonstrations."""

from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cladeflow.environments import Toolbox
from cladeflow.environments.base import Posed
from cladeflow.environments.toolbox.families import DISTRACTORS
from cladeflow.environments.toolbox.tools import Refused, calculate
from cladeflow.errors import CladeflowError
from cladeflow.records import Split, Step, Verdict

ENV = Toolbox()
SPLITS: tuple[Split, ...] = ("train", "dev", "heldout", "probe", "reserve")
CELLS = [(family, level) for family, levels in ENV.levels.items() for level in levels]
cells = st.sampled_from(CELLS)


def one(family: str = "price", level: int = 2, seed: int = 0) -> Posed:
    return ENV.tasks(family=family, level=level, split="train", n=1, seed=seed)[0]


def lines(*texts: str) -> list[Step]:
    return [Step(i=i, text=f"{text}\n") for i, text in enumerate(texts)]


def check(posed: Posed, steps: Sequence[Step]) -> Verdict:
    return ENV.check(posed.task, posed.gold, steps)


@pytest.mark.parametrize(
    ("expression", "value"),
    [("7*3", 21), ("3*7+2*4", 29), ("2*(3+4)", 14), ("-5+2", -3), ("5--2", 7), (" 1 + 1", 2)],
)
def test_calc(expression: str, value: int) -> None:
    assert calculate(expression) == value


@given(numbers=st.lists(st.integers(0, 99), min_size=1, max_size=8), data=st.data())
def test_calc_agrees_with_python(numbers: list[int], data: st.DataObject) -> None:
    signs = [data.draw(st.sampled_from("+-*")) for _ in numbers[1:]]
    expression = str(numbers[0]) + "".join(
        f"{sign}{number}" for sign, number in zip(signs, numbers[1:], strict=True)
    )
    assert calculate(expression) == eval(expression)


@pytest.mark.parametrize(
    "expression",
    [
        *("9**9", "1/2", "1//2", "2^3", "1<2", "True", "x", "__import__('os')", "1.5", "'a'*9"),
        *("(1,2)", "1 2", "()", "", "(" * 60, "1+", "0x10", "07", "1_000", "*".join(["9"] * 33)),
    ],
)
def test_calc_refuses_everything_else(expression: str) -> None:
    with pytest.raises(Refused):
        calculate(expression)


@given(text=st.text(alphabet="+-*() 0123456789", max_size=64))
def test_calc_ends_on_any_text_with_a_bounded_number(text: str) -> None:
    with suppress(Refused):
        assert len(str(calculate(text))) <= 65


@given(cell=cells, seed=st.integers(0, 20))
def test_a_demonstration_is_right_and_needs_the_tools(cell: tuple[str, int], seed: int) -> None:
    posed = one(*cell, seed=seed)
    steps = ENV.demonstration(posed.task)
    verdict = check(posed, steps)
    assert verdict.ok and verdict.value == 1
    assert verdict.parts == {"answer": 1, "format": 1, "calls_ok": 1, "first_error": -1}
    assert [step.i for step in steps] == list(range(len(steps)))
    assert all((step.train == 0) == (step.role == "tool") for step in steps)
    assert all(
        a.role == "agent" and b.role == "tool" for a, b in pairwise(steps[:-1]) if a.i % 2 == 0
    )
    assert len(steps) == 2 * (cell[1] + 1) + 1
    assert len(steps) <= 2 * ENV.max_turns


@given(cell=cells, seed=st.integers(0, 20))
def test_the_session_answers_what_the_demonstration_shows(cell: tuple[str, int], seed: int) -> None:
    posed = one(*cell, seed=seed)
    session = ENV.session(posed.task)
    *calls, answer = ENV.demonstration(posed.task)
    for asked, told in zip(calls[::2], calls[1::2], strict=True):
        seen = session.step(asked.text)
        assert (seen.text, seen.done, seen.call) == (told.text, False, asked.call)
    assert session.step(answer.text).done


def test_price_by_hand() -> None:
    posed = one("price", 2)
    (_, amount, good, amount2, good2) = posed.task.prompt[0].text.split()
    table = posed.task.hidden["table"]
    total = int(amount) * int(table[good]) + int(amount2) * int(table[good2])
    assert posed.gold.value == str(total)
    assert check(posed, lines(f"answer {total}")).ok
    assert check(posed, lines(f"answer 0{total}")).ok
    assert not check(posed, lines(f"answer {total + 1}")).ok


def test_chain_lookup_by_hand() -> None:
    posed = one("chain_lookup", 3)
    (_, count, _, key) = posed.task.prompt[0].text.split()
    total, table = 0, posed.task.hidden["table"]
    for _ in range(int(count)):
        key, number = table[key].split()
        total += int(number)
    assert posed.gold.value == str(total)
    assert len(table) == 3 + DISTRACTORS


def test_refused_calls_are_observations_and_counted() -> None:
    posed = one()
    session = ENV.session(posed.task)
    for line, tool in (
        ("lookup nothing\n", "lookup"),
        ("calc 1/0\n", "calc"),
        ("what now\n", ""),
        ("lookup", ""),
        ("answer a lot\n", ""),
    ):
        seen = session.step(line)
        assert (seen.text, seen.done) == ("err\n", False)
        assert seen.call is not None and not seen.call.ok and seen.call.tool == tool
    steps = lines("calc 1+1", "lookup nothing", "calc 2", "what", f"answer {posed.gold.value}")
    verdict = check(posed, steps)
    assert verdict.ok
    assert verdict.parts == {"answer": 1, "format": 1, "calls_ok": 0.5, "first_error": 1}


def test_the_index_of_an_error_counts_observations_too() -> None:
    posed = one()
    told = Step(i=1, role="tool", text="2\n", kind="observe", train=0.0)
    steps = [*lines("calc 1+1"), told, Step(i=2, text="calc x\n")]
    assert check(posed, steps).parts["first_error"] == 2


def test_only_the_agents_own_first_answer_counts() -> None:
    posed = one()
    right = posed.gold.value
    told = Step(i=0, role="tool", text=f"answer {right}\n", kind="observe", train=0.0)
    assert check(posed, [told]).parts["format"] == 0
    assert not check(posed, lines("answer 0", f"answer {right}")).ok
    assert check(posed, lines(f"answer {right}", "nonsense")).parts["calls_ok"] == 1
    assert not check(posed, lines("calc 1+1")).ok
    assert not check(posed, []).ok


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("answer 21\n", "21"),
        ("lookup fig\ncalc 1+1\nanswer -3", "-3"),
        ("answer 007\n", "7"),
        ("answer 1\nanswer 2\n", "1"),
        ("the answer 21\n", None),
        ("answer " + "9" * 5000, None),
        ("", None),
    ],
)
def test_answer(text: str, answer: str | None) -> None:
    assert ENV.answer(text) == answer


@given(cell=cells, seed=st.integers(0, 5), n=st.integers(0, 30))
def test_tasks_are_reproducible_distinct_and_only_added_to(
    cell: tuple[str, int], seed: int, n: int
) -> None:
    family, level = cell

    def draw(n: int) -> list[Posed]:
        return list(ENV.tasks(family=family, level=level, split="train", n=n, seed=seed))

    assert draw(n) == draw(n) == draw(n + 10)[:n]
    assert len({posed.task.id for posed in draw(n)}) == n
    assert all(p.task.level == level and p.gold.task_id == p.task.id for p in draw(n))


@pytest.mark.parametrize("cell", CELLS)
def test_splits_share_no_problem(cell: tuple[str, int]) -> None:
    family, level = cell
    seen: dict[str, Split] = {}
    for split in SPLITS:
        for task, _ in ENV.tasks(family=family, level=level, split=split, n=60, seed=1):
            table = task.hidden["table"]
            used = {k: v for k, v in table.items() if family != "price" or k in task.prompt[0].text}
            problem = f"{sorted(task.prompt[0].text.split())} {used}"
            assert task.split == split
            assert seen.setdefault(problem, split) == split


def test_a_cell_that_is_used_up_gives_what_it_holds() -> None:
    tasks = ENV.tasks(family="price", level=1, split="probe", n=10_000, seed=0)
    # 16 goods, amounts 2 to 9, prices 2 to 20: 2,432 problems, 2 % of them in this split.
    assert 30 <= len(tasks) <= 70
    assert len({(p.task.prompt, p.gold.value) for p in tasks}) == len(tasks)


def test_the_prompt_alone_does_not_determine_the_answer() -> None:
    answers: dict[str, set[str]] = {}
    for task, gold in ENV.tasks(family="price", level=1, split="train", n=1000, seed=0):
        answers.setdefault(ENV.render(task.prompt), set()).add(gold.value)
    assert min(map(len, answers.values())) > 1


def test_a_level_that_does_not_exist_is_an_error_that_names_those_that_do() -> None:
    with pytest.raises(CladeflowError, match="price 1-4, chain_lookup 2-5"):
        ENV.tasks(family="price", level=9, split="train", n=1, seed=0)


def test_no_demonstration_outside_the_train_split() -> None:
    (posed,) = ENV.tasks(family="price", level=1, split="heldout", n=1, seed=0)
    with pytest.raises(CladeflowError, match="only train"):
        ENV.demonstration(posed.task)


def test_every_prompt_format_shows_the_task() -> None:
    assert set(ENV.prompt_formats) == {"seed", "chat", "base"}
    for template in ENV.prompt_formats.values():
        assert "buy 3 fig" in template.format(task="buy 3 fig")


def test_an_attempt_is_put_to_a_judge_line_by_line() -> None:
    posed = one()
    steps = ENV.demonstration(posed.task)
    prompt = ENV.judge_prompt(posed.task, steps)
    assert prompt.splitlines()[0] == f"judge {posed.task.prompt[0].text}"
    assert prompt.splitlines()[1:-1] == [step.text.strip() for step in steps]
    assert ENV.judgement("err 3\n") == 2 and ENV.judgement("ok\n") == -1
    assert ENV.judgement("error") is None
