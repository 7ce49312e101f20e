"""Golden digests: what these strategies make of fixed inputs changes only with their version.

If one fails, either undo the change or raise the strategy's ``version`` and renew its digest.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from cladeflow.environments import TaskFile, Toolbox
from cladeflow.environments.base import Posed
from cladeflow.records import Record, Step, Trajectory, digest
from cladeflow.sandbox.client import CheckerClient
from cladeflow.sandbox.gold import GoldStore
from cladeflow.strategy import Strategy
from cladeflow.task_synthesis import CellStats, DifficultyBand, LearningProgress, SeedTasks, Uniform
from cladeflow.verification import (
    Confidence,
    Group,
    MajorityVote,
    Shuffled,
    VerifiableReward,
    Verification,
    VerifyContext,
)
from tests.task_lines import sums, write_lines

ENV = Toolbox()
POOL = [
    posed
    for family, levels in ENV.levels.items()
    for level in levels
    for posed in ENV.tasks(family=family, level=level, split="train", n=5, seed=0)
]
TASKS = [posed.task for posed in POOL]
STATS = {
    "toolbox/price/1": CellStats(n=9, mean=0.95, history=(0.95,)),
    "toolbox/price/4": CellStats(n=9, mean=0.0, history=(0.0,)),
}
PROGRESS = {
    "toolbox/price/1": CellStats(n=9, mean=0.9, history=(0.1, 0.4, 0.9)),
    "toolbox/price/2": CellStats(n=9, mean=0.5, history=(0.5, 0.5)),
    "toolbox/price/4": CellStats(n=9, mean=0.0, history=(0.3, 0.2)),
}


def attempts(posed: Posed) -> Group:
    """A right, a wrong and a broken attempt, with log-probabilities."""
    texts = [f"answer {posed.gold.value}\n", "answer 0\n", "lookup nothing\n"]
    found = [
        Trajectory(
            task_id=posed.task.id,
            agent_id="agent",
            steps=(Step(i=0, text=text, logp=(-0.5, -0.125 * i)),),
            answer=ENV.answer(text),
            group=posed.task.id,
            sample=i,
            strategy="sample",
        )
        for i, text in enumerate([*texts, texts[0]])
    ]
    return Group(posed.task, found)


def verdicts(strategy: Verification) -> Callable[[Path], list[Record]]:
    def judge(root: Path) -> list[Record]:
        GoldStore(root).add(posed.gold for posed in POOL)
        with CheckerClient(root) as checker:
            ctx = VerifyContext(checker=checker, gen=1, seed="golden")
            groups = [attempts(posed) for posed in POOL[:10]]
            return list(asyncio.run(strategy.verify(groups, ctx)))

    return judge


def from_file(root: Path) -> list[Record]:
    """Tasks and demonstrations of a file, and the verdicts on them."""
    env = TaskFile.from_options({"path": str(write_lines(root / "sums.jsonl", sums(60)))})
    posed = env.tasks(family="tasks", level=1, split="train", n=20, seed=3)
    shown = [env.demonstration(pair.task) for pair in posed]
    checks = [env.check(*pair, steps) for pair, steps in zip(posed, shown, strict=True)]
    return [*(record for pair in posed for record in pair), *checks]


def generated(strategy: SeedTasks) -> Callable[[Path], list[Record]]:
    posed = strategy.generate(ENV, n=30, gen=1, draw=2, seed=7)
    return lambda _: [record for pair in posed for record in pair]


CASES: list[tuple[Strategy, int, str, Callable[[Path], list[Record]]]] = [
    (ENV, 1, "e9327e93f8276e3e", lambda _: [record for pair in POOL for record in pair]),
    (TaskFile(), 1, "84d9ba3fb1ef19df", from_file),
    (SeedTasks(), 1, "5a51b40645f15cda", generated(SeedTasks())),
    (
        Uniform(),
        1,
        "dc3887777d32e80e",
        lambda _: list(Uniform().select(TASKS, STATS, n=9, seed="golden")),
    ),
    (
        DifficultyBand(),
        2,
        "cf40cc8073044917",
        lambda _: list(DifficultyBand(rehearse=0.2).select(TASKS, STATS, n=15, seed="golden")),
    ),
    (
        LearningProgress(),
        2,
        "49eaf96cef5a4524",
        lambda _: list(LearningProgress().select(TASKS, PROGRESS, n=15, seed="golden")),
    ),
    (VerifiableReward(), 1, "ee35e2ffcf142374", verdicts(VerifiableReward(steps=True))),
    (MajorityVote(), 1, "797c6c75e8b63a90", verdicts(MajorityVote())),
    (Confidence(), 1, "64bbc3e338de9e35", verdicts(Confidence(threshold=0.6))),
    (Shuffled(), 1, "b2dcf8d37e890f2f", verdicts(Shuffled())),
]


@pytest.mark.parametrize(
    ("strategy", "version", "golden", "make"), CASES, ids=[case[0].name for case in CASES]
)
def test_output_changes_only_with_the_version(
    strategy: Strategy,
    version: int,
    golden: str,
    make: Callable[[Path], list[Record]],
    tmp_path: Path,
) -> None:
    assert strategy.version == version
    assert digest([record.id for record in make(tmp_path)])[:16] == golden
