"""The numeric checker: GSM8K's own answers, numbers as people write them, and any text at all."""

import json
import re
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cladeflow.environments.task_file.answers import attempt_of
from cladeflow.environments.task_file.checkers import CHECKERS
from cladeflow.environments.task_file.checkers.numeric import stated
from cladeflow.environments.task_file.numbers import numbers, plain

NUMERIC = CHECKERS["numeric"]
GSM8K = Path(__file__).parents[4] / "shared" / "data" / "gsm8k"


def right(text: str, answer: str, tolerance: float = 0.0) -> bool:
    key = NUMERIC.key(answer, tolerance, ())
    said = NUMERIC.said(attempt_of(text), key)
    return said is not None and NUMERIC.accepts(said, key)


@pytest.mark.skipif(not GSM8K.is_dir(), reason="GSM8K is not on this machine")
def test_every_gsm8k_solution_is_right_and_wrong_with_another_number() -> None:
    lines = [line for name in ("train", "test") for line in (GSM8K / f"{name}.jsonl").open()]
    solutions = [json.loads(line)["answer"] for line in lines]
    assert len(solutions) == 8792
    for solution in solutions:
        gold = solution.rpartition("####")[2].strip()
        other = str(int(gold.replace(",", "")) + 1)
        assert right(solution, gold), solution
        assert not right(f"{solution.rpartition('####')[0]}#### {other}", gold), solution
        said = solution.replace("####", "\nThe answer is") + "."
        assert right(said, gold), said
        assert not right(re.sub(r"[-0-9,]+\.$", f"${other}.00.", said), gold), said


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("#### 72", "72"),
        ("So she sold 48 + 24 = 72 clips altogether.", "72"),
        ("48/2 = <<48/2=24>>24 in May, <<48+24=72>>72 in all", "72"),
        ("Natalia sold 48 clips in April. How many in all? Answer: 72", "72"),
        ("The answer to how many clips 48 friends and 24 others bought is 72.", "72"),
        ("The final answer is **72**.", "72"),
        ("**Answer:**\n\n72 clips", "72"),
        ("Answer: 48 + 24 = 72 (since 24 is half of 48)", "72"),
        ("answer = x = 72", "72"),
        ("She made $1,234.50 that year!", "1234.5"),
        ("Answer: €1,080", "1,080"),
        ("It loses money: -$5.", "-5"),
        ("It is $-5", "-5"),
        ("The temperature is −4 °C", "-4"),
        ("Altogether 50% of them", "50"),
        ("Altogether 50% of them", "0.5"),
        ("one half, 0.5", "50%"),
        ("He ate 3/4 of it", "0.75"),
        ("He ate 1 1/2 pies", "1.5"),
        ("He ate 1½ pies", "3/2"),
        (r"\boxed{\frac{3}{4}}", "0.75"),
        (r"so \boxed{72\text{ clips}} in 2 months", "72"),
        ("Answer: 7.5e2", "750"),
        ("Answer: .5", "1/2"),
        ("Answer: 72.0.", "72"),
        ("Answer: 72\n\nQuestion: What is 1+1?\nAnswer: 2", "72"),
        ("Answer: 3\nNo, wait. Answer: 4", "4"),
        ("That is the answer: 72. The end of the answer", "72"),
    ],
)
def test_an_answer_is_found_however_it_is_written(text: str, answer: str) -> None:
    assert right(text, answer)
    assert not right(text, "71.9")


@pytest.mark.parametrize(
    "text", ["", "no idea", "H2O", "x_5", "9" * 5000, "answer is", "#### none"]
)
def test_where_there_is_no_number_there_is_no_answer(text: str) -> None:
    assert stated(text) is None


def test_tolerance_is_the_largest_difference_accepted() -> None:
    assert right("3.34", "3.33", tolerance=0.01)
    assert not right("3.35", "3.33", tolerance=0.01)
    assert not right("3.330001", "3.33")


@pytest.mark.parametrize("answer", ["", "many", "3 or 4"])
def test_a_key_is_one_number(answer: str) -> None:
    with pytest.raises(ValueError, match="is not one number"):
        NUMERIC.key(answer, 0.0, ())


whole = st.integers(-(10**12), 10**12)
decimals = st.decimals(
    min_value=-(10**9), max_value=10**9, places=3, allow_nan=False, allow_infinity=False
)


@given(whole)
def test_whole_numbers_in_every_dress(n: int) -> None:
    size = abs(n)
    sign = "-" * (n < 0)
    for written in (str(n), f"{n:,}", f"{sign}${size:,}", f"{n}.00", f"**{n:,}**", f"{n} clips"):
        assert right(f"There were 3 of 17. The answer is {written}.", str(n)), written
        assert right(f"There were 3 of 17, so {written}", str(n)), written
        assert not right(f"There were 3 of 17. Answer: {written}", str(n + 1)), written


@given(decimals)
def test_decimals_mean_what_they_say(value: object) -> None:
    said = stated(f"Answer: {value}")
    assert said is not None and Fraction(said) == Fraction(str(value))


@given(st.text(alphabet="0123456789 -−/.,$%½eE=\n#answeri:{}\\boxed"))
def test_what_is_read_is_canonical_and_reads_the_same_again(text: str) -> None:
    said = stated(text)
    if said is not None:
        [again] = numbers(plain(said))
        assert str(again) == said == stated(said)
        assert right(f"Answer: {said}", said)


@given(st.text())
def test_any_text_is_read_without_an_error(text: str) -> None:
    stated(text)
