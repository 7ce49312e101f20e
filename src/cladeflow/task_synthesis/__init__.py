"""Task synthesis: generators pose tasks, a selector picks those worth an attempt."""

from cladeflow.task_synthesis.base import CellStats, Generator, Selector, cell
from cladeflow.task_synthesis.demos import Demos
from cladeflow.task_synthesis.difficulty_band import DifficultyBand
from cladeflow.task_synthesis.seed_tasks import SeedTasks
from cladeflow.task_synthesis.uniform import Uniform

__all__ = [
    "CellStats",
    "Demos",
    "DifficultyBand",
    "Generator",
    "SeedTasks",
    "Selector",
    "Uniform",
    "cell",
]
