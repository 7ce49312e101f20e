"""Golden digests, continued: environments, demonstrations, rollouts and critics.

As in test_golden_tasks_and_verdicts: if one fails, either undo the change or raise the strategy's
``version`` and renew its digest.
"""

from collections.abc import Callable
from typing import Any

import pytest

from cladeflow.critique import EnvFeedback, LlmCritique
from cladeflow.critique.base import Critic
from cladeflow.environments import Environment, Posed
from cladeflow.records import digest
from cladeflow.rollout import Sample, SelfRefine
from cladeflow.strategy import Strategy
from cladeflow.task_synthesis import Demos
from tests.dealer import ENVIRONMENTS, POSED, attempts, episodes


def sampled() -> list[str]:
    return [made.id for name in ENVIRONMENTS for made in attempts(Sample(top_p=0.9), name)]


def refined() -> list[str]:
    critics = [EnvFeedback()]
    return [made.id for name in ENVIRONMENTS for made in attempts(SelfRefine(), name, critics)]


def criticised(critic: Critic) -> Callable[[], Any]:
    def make() -> list[Any]:
        found: list[Any] = []
        for name in ENVIRONMENTS:
            ctx = episodes(name)
            tasks = {posed.task.id: posed.task for posed in POSED[name]}
            asked = [critic.critique(tasks[t.task_id], t, ctx) for t in attempts(Sample(), name)]
            found += [made and made.id for made in ctx.scheduler.run(asked)]
        return found

    return make


def posed(env: Environment) -> Callable[[], Any]:
    """Tasks, golds, reference traces, and verdicts on traces right and wrong."""

    def one(pair: Posed) -> list[Any]:
        steps = list(env.demonstration(pair.task))
        verdicts = [env.check(pair.task, pair.gold, part) for part in (steps, steps[1:], [])]
        text = [step.text for step in steps]
        return [pair.task.id, pair.gold.id, text, *(verdict.id for verdict in verdicts)]

    return lambda: [one(pair) for pair in POSED[env.name]]


def demonstrated() -> list[str]:
    demos = Demos(levels={"chain": {2: 1.0}, "price": {2: 1.0}})
    return [
        given
        for env in ENVIRONMENTS.values()
        for pair in demos.generate(env, n=10, gen=2, draw=1, seed=7)
        for given in (pair.task.id, pair.gold.id, demos.given(env, pair.task, 2).id)
    ]


REASONING, TOOLBOX = ENVIRONMENTS.values()
CASES: list[tuple[Strategy, int, str, Callable[[], Any]]] = [
    (REASONING, 2, "70397cfd65de8dbc", posed(REASONING)),
    (TOOLBOX, 1, "e8e0ddf0e4f74f29", posed(TOOLBOX)),
    (Demos(), 1, "98f6e3262eb4e3d2", demonstrated),
    (Sample(), 1, "8e930d606e9a2765", sampled),
    (SelfRefine(), 1, "acbaa37f0a718470", refined),
    (EnvFeedback(), 1, "90d498ea581bac33", criticised(EnvFeedback())),
    (LlmCritique(), 2, "eb3b5758ad0d640d", criticised(LlmCritique())),
]


@pytest.mark.parametrize(
    ("strategy", "version", "golden", "make"), CASES, ids=[case[0].name for case in CASES]
)
def test_output_changes_only_with_the_version(
    strategy: Strategy, version: int, golden: str, make: Callable[[], Any]
) -> None:
    assert strategy.version == version
    assert digest(make())[:16] == golden
