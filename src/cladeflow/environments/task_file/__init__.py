"""Tasks from a file of questions and answers."""

from cladeflow.environments.task_file.environment import TaskFile

__all__ = ["TaskFile"]
