"""Golden digests, continued: what learns from rewards and preferences, and the replay buffer.

As in test_golden_tasks_and_verdicts: if one fails, either undo the change or raise the strategy's
``version`` and renew its digest.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from cladeflow.critique import EnvFeedback
from cladeflow.fine_tune import (
    Dpo,
    Grpo,
    Nft,
    Objective,
    OutcomePairs,
    RevisionSplice,
    RlBatch,
    RoundData,
    Unpaired,
)
from cladeflow.fine_tune.base import Builder
from cladeflow.memory import ReplayBuffer
from cladeflow.records import Critique, Target, Verdict, Verifier, digest
from cladeflow.rollout import Rollout, Sample, SelfRefine
from cladeflow.strategy import Strategy
from tests.dealer import POSED, attempts, pick
from tests.unit.fine_tune.batch_of import batch_of


def gathered(rollout: Rollout, keep: slice = slice(None)) -> RoundData:
    """A round's attempts with rewards that depend on what they say."""
    made = attempts(rollout, "reasoning", [EnvFeedback()])[keep]
    verdicts = {
        t.id: Verdict(
            target=Target(id=t.id),
            value=pick(t.text, 3) / 2,
            outcome="timeout" if pick(t.text + t.id, 7) == 0 else "checked",
            by=Verifier(strategy="golden"),
        )
        for t in made
    }
    critiques = {
        t.id: [Critique(target=(t.id,), author="golden", source="env", advice=f"err {i % 2}")]
        for i, t in enumerate(made)
    }
    tasks = {pair.task.id: pair.task for pair in POSED["reasoning"]}
    return RoundData(tasks, made, verdicts, critiques, gen=3, seed="golden")


def built(*builders: Builder, rollout: Rollout) -> Callable[[], Any]:
    def make() -> list[Any]:
        data = gathered(rollout)
        examples = [example.id for builder in builders for example in builder.build(data)]
        assert examples
        return [examples, dict(data.dropped)]

    return make


def trained(builder: Builder, *objectives: Objective) -> Callable[[], Any]:
    """Loss tokens of examples, their loss, and its gradient by log-probability."""

    def one(objective: Objective) -> list[Any]:
        examples = list(builder.build(gathered(Sample(n=4))))[:12]
        batch = batch_of(objective, objective.prepare(examples))
        n = len(batch.weight)
        batch = batch.with_column("reference", torch.linspace(-2, -1, n))
        batch = batch.with_column("entropy", torch.linspace(0, 1, n))
        logp = torch.linspace(-3, -0.25, n, requires_grad=True)
        loss = objective.loss(logp, batch)
        (gradient,) = torch.autograd.grad(loss, logp)
        seen = {name: column.tolist() for name, column in sorted(batch.per_sequence.items())}
        rounded = {name: [round(x, 4) for x in column] for name, column in seen.items()}
        return [rounded, round(loss.item(), 3), [round(g, 3) for g in gradient.tolist()]]

    return lambda: [one(objective) for objective in objectives]


def replayed() -> list[Any]:
    buffer = ReplayBuffer(size=12, per_task=2, threshold=0.5)
    old, new = gathered(Sample(n=4), slice(None, None, 2)), gathered(Sample(n=4))
    kept = buffer.keep([], old)
    drawn = [attempt.id for attempt in buffer.replay(kept, new).replayed]
    return [[past.id for past in part] for part in (kept, buffer.keep(kept, new))] + [drawn]


REFINED = SelfRefine(n=4)
SAMPLED = Sample(n=4)
CASES: list[tuple[Strategy, int, str, Callable[[], Any]]] = [
    (RlBatch(), 2, "af56bff84a170a82", built(RlBatch(), rollout=SAMPLED)),
    (
        Unpaired(),
        2,
        "1890d5c67ced54e0",
        built(Unpaired(), Unpaired(threshold=0.5), rollout=SAMPLED),
    ),
    (
        OutcomePairs(),
        2,
        "aa7e5185e4155a7d",
        built(OutcomePairs(), OutcomePairs(margin=1.0, per_prompt=2), rollout=SAMPLED),
    ),
    (
        RevisionSplice(),
        1,
        "7019d7cb36e1f042",
        built(
            RevisionSplice(),
            RevisionSplice(threshold=0.5, mask=False, weighted=True),
            rollout=REFINED,
        ),
    ),
    (
        Grpo(),
        1,
        "70d0c147b963374f",
        trained(RlBatch(), Grpo(), Grpo(std=False, clip_high=0.28, kl=0.1, entropy=0.01)),
    ),
    (
        Nft(),
        1,
        "f0502f318d4407d8",
        trained(Unpaired(), Nft(), Nft(epsilon=0.5, prompt_weight="grpo")),
    ),
    (
        Dpo(),
        1,
        "e560ab55f9b282a1",
        trained(OutcomePairs(), Dpo(), Dpo(margin=0.5, nll=1, reference="logged")),
    ),
    (ReplayBuffer(), 1, "e250248bdc8e30f8", replayed),
]


@pytest.mark.parametrize(
    ("strategy", "version", "golden", "make"), CASES, ids=[case[0].name for case in CASES]
)
def test_output_changes_only_with_the_version(
    strategy: Strategy, version: int, golden: str, make: Callable[[], Any]
) -> None:
    assert strategy.version == version
    assert digest(make())[:16] == golden
