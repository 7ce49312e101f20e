"""Golden digests, continued: environments, demonstrations, rollouts and critics.

As in test_golden_tasks_and_verdicts: if one fails, either undo the change or raise the strategy's
``version`` and renew its digest.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from cladeflow.critique import EnvFeedback, LlmCritique
from cladeflow.critique.base import Critic
from cladeflow.earlier import Earlier
from cladeflow.environments import Environment, Posed
from cladeflow.records import Target, Verdict, digest
from cladeflow.rollout import Sample, SelfRefine
from cladeflow.rollout.episode import run_episodes
from cladeflow.sandbox.wire import Item
from cladeflow.strategy import Strategy
from cladeflow.task_synthesis import CritiqueTasks, Demos, FailureEvolve, Generator
from cladeflow.verification import Group, RefinementGain, VerifyContext
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


class DirectContext(VerifyContext):
    """Checks without a process of its own."""

    async def check(self, items: Sequence[Item]) -> list[Verdict]:
        golds = {posed.task.id: posed.gold for posed in POSED["reasoning"]}
        return [REASONING.check(task, golds[task.id], steps) for task, steps in items]


DIRECT = DirectContext(checker=None, gen=3, seed="golden")  # type: ignore[arg-type]  # not asked


def gathered() -> Earlier:
    """A pass of samples with the environment's verdicts."""
    made = attempts(Sample(n=4), "reasoning")
    tasks = {posed.task.id: posed.task for posed in POSED["reasoning"]}
    found = asyncio.run(DIRECT.check([(tasks[t.task_id], t.steps) for t in made]))
    by = zip(made, found, strict=True)
    return Earlier(
        tasks, made, {t.id: v.model_copy(update={"target": Target(id=t.id)}) for t, v in by}
    )


def generated(*strategies: Generator) -> Callable[[], list[str]]:
    def make() -> list[str]:
        known = gathered()
        return [
            record.id
            for strategy in strategies
            for pair in strategy.generate(REASONING, n=30, gen=1, draw=2, seed=7, earlier=known)
            for record in pair
        ]

    return make


def worth() -> list[str]:
    """Of critiques of a refined sample each, whose attempts are some right, some wrong."""
    ctx = episodes("reasoning", [EnvFeedback()])
    tasks = [posed.task for posed in POSED["reasoning"]]
    made = run_episodes(SelfRefine(n=1), tasks, ctx)
    critiques = {c.target[0]: [c] for c in ctx.critiques}
    groups = [Group(task, [t for t in made if t.task_id == task.id], critiques) for task in tasks]
    strategies = (RefinementGain(), RefinementGain(relative=False))
    return [v.id for s in strategies for v in asyncio.run(s.verify(groups, DIRECT))]


CASES: list[tuple[Strategy, int, str, Callable[[], Any]]] = [
    (REASONING, 2, "70397cfd65de8dbc", posed(REASONING)),
    (TOOLBOX, 1, "e8e0ddf0e4f74f29", posed(TOOLBOX)),
    (Demos(), 1, "98f6e3262eb4e3d2", demonstrated),
    (Sample(), 1, "8e930d606e9a2765", sampled),
    (SelfRefine(), 1, "acbaa37f0a718470", refined),
    (
        CritiqueTasks(),
        1,
        "7ad1daa1e3de7873",
        generated(CritiqueTasks(), CritiqueTasks(source="corrupted")),
    ),
    (
        FailureEvolve(),
        1,
        "f2afc6cf191ffeb4",
        generated(FailureEvolve(), FailureEvolve(harder=1, at_most=0.5)),
    ),
    (RefinementGain(), 1, "91d3778a1a0002e2", worth),
    (EnvFeedback(), 2, "2b410264de308014", criticised(EnvFeedback())),
    (LlmCritique(), 3, "eb3b5758ad0d640d", criticised(LlmCritique())),
]


@pytest.mark.parametrize(
    ("strategy", "version", "golden", "make"), CASES, ids=[case[0].name for case in CASES]
)
def test_output_changes_only_with_the_version(
    strategy: Strategy, version: int, golden: str, make: Callable[[], Any]
) -> None:
    assert strategy.version == version
    assert digest(make())[:16] == golden
