"""How the tasks of a file are put to the three kinds of model."""

from collections.abc import Iterable, Sequence

from cladeflow.environments.task_file.checkers import CHECKERS
from cladeflow.environments.task_file.reading import Question

SEED = "{task}\n"
CHAT = """\
{task}

Think step by step. End with a line "Answer: " and after it %s."""
ZERO_SHOT = "Question: {task}\n"

SHOTS = 3
"""Worked examples before the task of a base model, where its context has room for them."""


def chat(checkers: Iterable[str]) -> str:
    """The instruction for tasks with these checkers."""
    wanted = {CHECKERS[name].asks_for for name in checkers}
    return CHAT % (wanted.pop() if len(wanted) == 1 else "the answer alone")


def few_shot(shown: Sequence[Question]) -> str:
    """Questions with their answers, then the task's question."""
    shots = ["\n".join([f"Question: {q.text}", *solution(q), "", ""]) for q in shown]
    return "".join([*shots, ZERO_SHOT])


def solution(question: Question) -> list[str]:
    """A worked answer in the format that prompts ask for, line by line; empty where none is told.

    The lines of the file's own way to the answer, then ``Answer: …``.
    """
    lines = [line.rstrip() for line in question.worked.splitlines() if line.strip()]
    shown = CHECKERS[question.checker].shown(question.key)
    return lines if shown is None else [*lines, f"Answer: {shown}"]


def examples(train: Sequence[Question]) -> list[Question]:
    """The tasks to show: spread over the shorter quarter, because every prompt carries them."""
    able = [q for q in train if solution(q) and "{task}" not in q.text + q.worked]
    by_length = sorted(able, key=lambda q: (not q.worked, len(q.text) + len(q.worked), q.line))
    shorter = by_length[: max(len(able) // 4, SHOTS)]
    return shorter[:: max(len(shorter) // SHOTS, 1)][:SHOTS]
