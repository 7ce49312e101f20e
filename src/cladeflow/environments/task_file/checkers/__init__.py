"""Checkers of free text: what an attempt answers, and whether that is right."""

from cladeflow.environments.task_file.checkers.base import Checker, Key
from cladeflow.environments.task_file.checkers.choice import Choice
from cladeflow.environments.task_file.checkers.exact import Exact
from cladeflow.environments.task_file.checkers.numeric import Numeric
from cladeflow.environments.task_file.checkers.regex import Regex

CHECKERS: dict[str, Checker] = {
    "exact": Exact(),
    "numeric": Numeric(),
    "regex": Regex(),
    "choice": Choice(),
}

__all__ = ["CHECKERS", "Checker", "Key"]
