"""Checkers of texts, patterns and choices."""

import pytest

from cladeflow.environments.task_file.answers import attempt_of
from cladeflow.environments.task_file.checkers import CHECKERS

CITIES = ("Rome", "Paris", "Berlin")


def right(name: str, text: str, answer: str, choices: tuple[str, ...] = ()) -> bool | None:
    """None where no answer is found."""
    checker = CHECKERS[name]
    key = checker.key(answer, 0.0, choices)
    said = checker.said(attempt_of(text), key)
    return None if said is None else checker.accepts(said, key)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Paris", True),
        ("the capital?\nThe answer is: **Paris**.", True),
        ('I think so.\n  "paris" ', True),
        (r"\boxed{Paris}", True),
        ("Paris is in France", False),
        ("Answer: Rome", False),
        (" \n", None),
    ],
)
def test_exact(text: str, expected: bool | None) -> None:
    assert right("exact", text, "Paris") is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Answer: 2026-11-21", True),
        ("it was on 2026-11-21\nAnswer: never", False),
        ("", None),
    ],
)
def test_regex(text: str, expected: bool | None) -> None:
    assert right("regex", text, r"^\d{4}-\d\d-\d\d$") is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("B", True),
        ("(B)", True),
        ("B. Paris", True),
        ("Answer: B) because it is", True),
        ("The answer is **B**.", True),
        ("So it must be option B", True),
        ("Answer: paris.", True),
        ("A or so I think\nAnswer: (B)", True),
        ("C", False),
        ("Rome", False),
        ("A capital city is asked for", None),
        ("either (A) or (B)", None),
        ("D", None),
    ],
)
def test_choice(text: str, expected: bool | None) -> None:
    assert right("choice", text, "Paris", CITIES) is expected
    assert right("choice", text, "b", CITIES) is expected


@pytest.mark.parametrize(
    ("name", "answer", "choices", "problem"),
    [
        ("exact", " '.' ", (), "empty"),
        ("regex", "(", (), "no regular expression"),
        ("choice", "A", ("only",), "needs 2 to 26 choices, not 1"),
        ("choice", "D", CITIES, "none of its choices"),
        ("choice", "Madrid", CITIES, "none of its choices"),
    ],
)
def test_keys_that_cannot_be(
    name: str, answer: str, choices: tuple[str, ...], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        CHECKERS[name].key(answer, 0.0, choices)
