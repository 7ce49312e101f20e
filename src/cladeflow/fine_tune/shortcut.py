"""Refinements that reach the answer without the work."""

import re
from collections.abc import Mapping

from cladeflow.fine_tune.base import RoundData
from cladeflow.records import Task, Trajectory

_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def numbers(text: str) -> int:
    """How many numbers a text holds."""
    return len(_NUMBER.findall(text))


def is_shortcut(
    attempt: Trajectory,
    known: Mapping[str, Trajectory],
    task: Task,
    data: RoundData,
    slack: int,
) -> bool:
    """Whether a refinement has fewer than min(N(reference), N(refined)) - ``slack`` numbers.

    Both have to be there to compare with: first attempts, and refinements of what is not
    ``known``, are no shortcuts.
    """
    refined = [known[parent.traj_id] for parent in attempt.parents if parent.traj_id in known]
    if not refined:
        return False
    least = min(numbers(data.reference(task)), *(numbers(y.text) for y in refined))
    return numbers(attempt.text) < least - slack
