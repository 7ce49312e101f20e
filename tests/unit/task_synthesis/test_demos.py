"""demos: tasks that come with the environment's own solution, as text."""

import pytest

from cladeflow.environments import Environment, Reasoning, Toolbox
from cladeflow.records import DEMONSTRATION
from cladeflow.task_synthesis import Demos, SeedTasks

ENVIRONMENTS = [Reasoning(), Toolbox()]


@pytest.mark.parametrize("env", ENVIRONMENTS, ids=lambda env: env.name)
def test_every_task_comes_with_a_trace_that_its_check_accepts(env: Environment) -> None:
    for posed in Demos().generate(env, n=30, gen=2, draw=0, seed=0):
        given = Demos().given(env, posed.task, 2)
        verdict = env.check(posed.task, posed.gold, given.steps)
        assert verdict.value == 1 and verdict.parts["first_error"] == -1
        assert given.answer == str(posed.gold.value)
        assert (given.task_id, given.group, given.gen) == (posed.task.id, posed.task.id, 2)
        assert given.agent_id == DEMONSTRATION
        assert not given.context and all(step.tokens is None for step in given.steps)


def test_seed_tasks_give_nothing_with_a_task() -> None:
    env = ENVIRONMENTS[0]
    task = SeedTasks().generate(env, n=1, gen=1, draw=0, seed=0)[0].task
    assert SeedTasks().given(env, task, 1) is None
    assert "trajectories" not in SeedTasks().provided()


def test_the_pool_is_another_one_than_that_of_seed_tasks() -> None:
    levels = {"chain": {8: 1.0}}
    kinds = (Demos(levels=levels), SeedTasks(levels=levels))
    demos, tasks = (
        {p.task.id for p in kind.generate(ENVIRONMENTS[0], n=50, gen=1, draw=0, seed=0)}
        for kind in kinds
    )
    assert not demos & tasks
