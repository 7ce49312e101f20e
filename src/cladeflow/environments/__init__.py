"""Environments: families of tasks with exact checks."""

from cladeflow.environments.base import Environment, Observation, Posed, Session, split_of
from cladeflow.environments.reasoning import Reasoning
from cladeflow.environments.task_file import TaskFile
from cladeflow.environments.toolbox import Toolbox

__all__ = [
    "Environment",
    "Observation",
    "Posed",
    "Reasoning",
    "Session",
    "TaskFile",
    "Toolbox",
    "split_of",
]
