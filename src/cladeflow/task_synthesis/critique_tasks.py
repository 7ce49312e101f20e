"""Tasks to judge an attempt, with its first wrong step as the answer."""

from collections.abc import Callable, Sequence
from itertools import chain, zip_longest
from random import Random
from typing import Literal

from cladeflow.earlier import NOTHING, Earlier
from cladeflow.environments.base import Environment, Posed
from cladeflow.records import Trajectory
from cladeflow.task_synthesis.seed_tasks import SeedTasks


class CritiqueTasks(SeedTasks, name="critique_tasks", version=1):
    """(x, ŷ, z): judge the attempt ŷ at x; z is its first wrong step, or that there is none.

    - ``policy``: ŷ are answers that the agent gave to train tasks in earlier passes, no two alike,
      right and wrong ones in turn as long as there are both. The environment finds z anew.
    - ``corrupted``: x are the tasks of `SeedTasks`, with the same options; ŷ is its reference
      trace, every other time with one step wrong and what follows consistent with it.

    An environment that cannot say where an attempt goes wrong poses none.
    """

    source: Literal["policy", "corrupted"] = "policy"

    def required(self) -> frozenset[str]:
        return frozenset({"judge"} | ({"earlier"} if self.source == "policy" else set()))

    def generate(
        self,
        env: Environment,
        *,
        n: int,
        gen: int,
        draw: int,
        seed: int,
        earlier: Earlier = NOTHING,
    ) -> Sequence[Posed]:
        if "judge" not in env.provided():
            return []
        if self.source == "corrupted":
            return super().generate(env, n=n, gen=gen, draw=draw, seed=seed, earlier=earlier)
        return [
            env.pose_judge(earlier.tasks[attempt.task_id], attempt.text.strip(), "policy")
            for attempt in self._attempts(env, earlier, f"{seed}/{gen}/{draw}")[:n]
        ]

    def _attempts(self, env: Environment, earlier: Earlier, key: str) -> list[Trajectory]:
        """Every attempt that may be judged, right and wrong in turn."""
        distinct = {
            (attempt.task_id, attempt.text): attempt
            for attempts in earlier.by_task().values()
            for attempt in attempts
            if attempt.answer is not None and _solves(earlier, attempt, env)
        }
        found = list(distinct.values())
        Random(f"{self.name}/{key}").shuffle(found)
        sides = [[t for t in found if earlier.correct(t) == side] for side in (1.0, 0.0)]
        return [t for t in chain.from_iterable(zip_longest(*sides)) if t is not None]

    def _draw(self, env: Environment) -> Callable[..., Sequence[Posed]]:
        return env.judge_tasks


def _solves(earlier: Earlier, attempt: Trajectory, env: Environment) -> bool:
    task = earlier.tasks[attempt.task_id]
    return (task.env, task.kind, task.split) == (env.name, "solve", "train")
