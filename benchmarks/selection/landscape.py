"""A simulated landscape in which an agent's score need not tell what its descendants come to.

Agent a has a skill x_a, in log-odds of solving a task, and a potential g_a, the mean gain of its
children. Child c of a, with ε and η standard normal:

    x_c = x_a + g_a + STEP ε
    g_c = HERITABLE g_a + SPREAD (r ε + sqrt(1 - r²) η),    r = 1 - 2 mismatch

So with mismatch 0 the children that gained most also have the most potential, with 0.5 the one says
nothing of the other, and with 1 those that gained most are dead ends. What is drawn of an agent and
its trials depends on the seed and its descent alone: every selection searches the same tree.
"""

from math import exp, sqrt
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from cladeflow.evaluate.statistics import keyed_generator

START = -2.0
"""The first agent's skill: it solves 12 % of the tasks."""
STEP, SPREAD, HERITABLE = 0.4, 0.25, 0.9


class Agent(NamedTuple):
    """A point of the landscape."""

    descent: str
    """Which child of which child: ``0.3.1``."""
    skill: float
    potential: float
    trials: NDArray[np.bool_]
    """Whether it solves each of the tasks."""

    @classmethod
    def at(cls, seed: str, descent: str, skill: float, potential: float, tasks: int) -> Self:
        """The agent with its trials drawn."""
        luck = keyed_generator(f"{seed}/trials/{descent}").random(tasks)
        return cls(descent, skill, potential, luck < chance(skill))


class Landscape:
    """The tree of one seed, drawn as far as anyone looks."""

    def __init__(self, seed: int, mismatch: float, tasks: int) -> None:
        self._seed = f"landscape/{seed}"
        self._aligned = 1 - 2 * mismatch
        self._tasks = tasks

    def first(self) -> Agent:
        """What every search starts from."""
        return Agent.at(self._seed, "0", START, 0.0, self._tasks)

    def child(self, parent: Agent, number: int) -> Agent:
        """The ``number``-th child."""
        descent = f"{parent.descent}.{number}"
        gained, other = keyed_generator(f"{self._seed}/{descent}").standard_normal(2)
        drawn = self._aligned * gained + sqrt(1 - self._aligned**2) * other
        return Agent.at(
            self._seed,
            descent,
            parent.skill + parent.potential + STEP * gained,
            HERITABLE * parent.potential + SPREAD * drawn,
            self._tasks,
        )


def chance(skill: float) -> float:
    """Chance to solve a task."""
    return 1 / (1 + exp(-skill))
