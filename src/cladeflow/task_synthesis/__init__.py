"""Task synthesis: generators pose tasks, a selector picks those worth an attempt."""

from cladeflow.task_synthesis.base import CellStats, Generator, Selector, cell
from cladeflow.task_synthesis.critique_tasks import CritiqueTasks
from cladeflow.task_synthesis.demos import Demos
from cladeflow.task_synthesis.difficulty_band import DifficultyBand
from cladeflow.task_synthesis.failure_evolve import FailureEvolve
from cladeflow.task_synthesis.learning_progress import LearningProgress
from cladeflow.task_synthesis.seed_tasks import SeedTasks
from cladeflow.task_synthesis.uniform import Uniform

__all__ = [
    "CellStats",
    "CritiqueTasks",
    "Demos",
    "DifficultyBand",
    "FailureEvolve",
    "Generator",
    "LearningProgress",
    "SeedTasks",
    "Selector",
    "Uniform",
    "cell",
]
