"""Demonstrations: tasks that come with a trace to imitate."""

from typing import ClassVar

from cladeflow.environments.base import Environment
from cladeflow.records import DEMONSTRATION, Task, Trajectory
from cladeflow.task_synthesis.seed_tasks import SeedTasks


class Demos(SeedTasks, name="demos", version=1):
    """The tasks of `SeedTasks`, each with its environment's reference trace τ* as a trajectory.

    With rollout none, verification by the environment's check, and positives and sft, this is
    behaviour cloning (Pomerleau 1991): L = -Σ_t log π(τ*_t | x, τ*_<t). The traces are text, so
    they can be learned by any model: training tokenises them in the agent's own prompt format.
    """

    gives: ClassVar[frozenset[str]] = frozenset({"trajectories"})

    def given(self, env: Environment, task: Task, gen: int) -> Trajectory:
        steps = tuple(env.demonstration(task))
        return Trajectory(
            gen=gen,
            task_id=task.id,
            agent_id=DEMONSTRATION,
            steps=steps,
            answer=env.answer("".join(step.text for step in steps if step.role == "agent")),
            group=task.id,
            strategy=self.name,
        )
