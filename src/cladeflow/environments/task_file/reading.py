"""Task files: JSON lines with a question and its answer, read strictly."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from cladeflow.environments.base import split_of
from cladeflow.environments.task_file.answers import without_calculator
from cladeflow.environments.task_file.checkers import CHECKERS, Key
from cladeflow.environments.task_file.checkers.choice import MOST
from cladeflow.environments.task_file.numbers import numbers, plain
from cladeflow.errors import CladeflowError
from cladeflow.recipes.parse import nearest
from cladeflow.records import Split

QUESTION_KEYS = ("question", "problem", "prompt")
WORKED_KEYS = ("solution", "rationale")
GSM8K_MARK = "####"
"""Between the worked answer and the number in GSM8K (Cobbe et al. 2021, arXiv:2110.14168)."""


class Question(NamedTuple):
    """One line of a task file."""

    line: int
    id: str
    text: str
    """As it is put to an agent, choices included."""
    worked: str
    """The way to the answer, where the file tells it; not the answer itself."""
    checker: str
    key: Key
    split: Split


def read_questions(
    path: Path, data: bytes, checker: str | None, tolerance: float
) -> tuple[Question, ...]:
    """The questions of a file; raises `CladeflowError` with the line for one that is unfit.

    ``checker`` and ``tolerance`` hold for the lines that name none.
    """
    found: list[Question] = []
    seen: dict[str, int] = {}
    for number, fields in _lines(path, data):
        try:
            question = _question(number, fields, checker, tolerance)
            for name in {f"id {question.id!r}", f"question {_canonical(question.text)!r:.60}"}:
                if (first := seen.setdefault(name, number)) != number:
                    raise ValueError(f"its {name} is that of line {first} already")
        except ValueError as error:
            raise CladeflowError(f"{path} line {number}: {error}") from error
        found.append(question)
    _require_splits(path, found)
    return tuple(found)


def _lines(path: Path, data: bytes) -> Iterator[tuple[int, dict[str, Any]]]:
    """Number and fields of every line that is not blank."""
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
        except ValueError as error:
            raise CladeflowError(
                f"{path} line {number}: not JSON ({error}); a task file has one object per line"
            ) from error
        if not isinstance(fields, dict):
            raise CladeflowError(f"{path} line {number}: not a JSON object such as "
                                 '{"question": "…", "answer": "…"}')  # fmt: skip
        yield number, fields


def _question(line: int, fields: dict[str, Any], checker: str | None, tolerance: float) -> Question:
    asked = _text(fields, QUESTION_KEYS, "question")
    answer, worked = _answer(fields)
    choices = _choices(fields)
    if choices and isinstance(fields["answer"], int):
        answer = _indexed(choices, fields["answer"])
    name = fields.get("checker") or checker or _usual(fields, answer)
    if name not in CHECKERS:
        raise ValueError(f"unknown checker {name!r}{nearest(str(name), CHECKERS)}")
    key = CHECKERS[name].key(answer, _tolerance(fields, tolerance), choices)
    text = "\n".join([asked, *(f"{chr(65 + i)}. {choice}" for i, choice in enumerate(choices))])
    return Question(
        line=line,
        id=str(fields.get("id", f"line {line}")),
        text=text,
        worked=worked,
        checker=name,
        key=key,
        split=split_of(_canonical(text)),
    )


def _canonical(text: str) -> str:
    """The same for questions that differ in case and white space alone: decides the split."""
    return " ".join(text.split()).casefold()


def _text(fields: dict[str, Any], keys: tuple[str, ...], what: str) -> str:
    name = next((key for key in keys if key in fields), None)
    if name is None:
        has = ", ".join(map(repr, fields)) or "nothing"
        raise ValueError(f"no {what}: name it {' or '.join(map(repr, keys))}; the line has {has}")
    if not isinstance(fields[name], str) or not fields[name].strip():
        raise ValueError(f"its {name} is no text")
    return str(fields[name]).strip()


def _answer(fields: dict[str, Any]) -> tuple[str, str]:
    """The final answer and the way to it."""
    if isinstance(fields.get("answer"), int | float):
        answer = str(fields["answer"])
    else:
        answer = _text(fields, ("answer",), "answer")
    worked = next((str(fields[key]) for key in WORKED_KEYS if fields.get(key)), "")
    if GSM8K_MARK in answer:
        before, _, answer = answer.rpartition(GSM8K_MARK)
        worked = worked or before
    return answer.strip(), without_calculator(worked).strip()


def _choices(fields: dict[str, Any]) -> tuple[str, ...]:
    listed = fields.get("choices", [])
    if not isinstance(listed, list) or not all(isinstance(c, str | int | float) for c in listed):
        raise ValueError('its choices are no list of texts such as ["Paris", "Rome"]')
    return tuple(str(choice).strip() for choice in listed[: MOST + 1])


def _indexed(choices: tuple[str, ...], index: int) -> str:
    """A whole number as answer counts the choices from 0."""
    if not 0 <= index < len(choices):
        raise ValueError(f"its answer {index} counts past its {len(choices)} choices, from 0")
    return chr(65 + index)


def _usual(fields: dict[str, Any], answer: str) -> str:
    """The checker of a line where nobody names one."""
    if fields.get("choices"):
        return "choice"
    found = list(numbers(plain(answer)))
    return "numeric" if len(found) == 1 and _bare(answer) else "exact"


def _bare(answer: str) -> bool:
    """Whether an answer is a number with nothing but a sign of currency or percent."""
    return not any(character.isalpha() for character in answer)


def _tolerance(fields: dict[str, Any], usual: float) -> float:
    given = fields.get("tolerance", usual)
    if not isinstance(given, int | float) or not given >= 0:
        raise ValueError(f"its tolerance {given!r} is no number of at least 0")
    return float(given)


def _require_splits(path: Path, questions: list[Question]) -> None:
    if not questions:
        raise CladeflowError(f"{path} is empty: a task file has one JSON object per line")
    for split in ("train", "heldout"):
        if not any(question.split == split for question in questions):
            raise CladeflowError(
                f"{path}: none of its {len(questions)} tasks falls into the {split} split "
                "(tasks are assigned by their hash); give it more, 50 fill every split"
            )
