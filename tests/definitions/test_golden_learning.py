"""Golden digests, continued: updates, evaluations, decisions and controls.

As in test_golden_tasks_and_verdicts: if one fails, either undo the change or raise the strategy's
``version`` and renew its digest. Every strategy that is built has to stand in one of the files.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch

from cladeflow.evaluate import (
    BenchmarkSuite,
    CritiqueEval,
    EvalContext,
    Evaluation,
    ExplorationMonitor,
    Setting,
    Staged,
    Suite,
    SuiteResult,
    TransferRetention,
)
from cladeflow.fine_tune import LossTokens, Positives, RoundData, Sft
from cladeflow.plan import BalanceScore, Fixed
from cladeflow.promote import Always, Gate, HumanApproval, ParetoGate, Recheck, ThresholdGate
from cladeflow.records import (
    Cost,
    Delta,
    EvalReport,
    Rechecked,
    ReportRow,
    SftExample,
    Step,
    Target,
    Trajectory,
    Verdict,
    Verifier,
    WeightedExample,
    digest,
)
from cladeflow.rollout import Sample
from cladeflow.strategy import ROOMS, Strategy, find, names
from tests.dealer import ENVIRONMENTS, POSED, attempts, pick
from tests.definitions.test_golden_episodes import CASES as EPISODES
from tests.definitions.test_golden_rewards import CASES as REWARDS
from tests.definitions.test_golden_selections import CASES as SELECTIONS
from tests.definitions.test_golden_tasks_and_verdicts import CASES as TASKS_AND_VERDICTS

CELLS = {"chain": {6: 20, 7: 20}, "countdown": {4: 20}}


def built() -> list[str]:
    made = attempts(Sample(n=4), "reasoning")
    verdicts = {
        t.id: Verdict(
            target=Target(id=t.id),
            value=pick(t.id, 5) / 4,
            outcome="timeout" if pick(t.text + t.id, 7) == 0 else "checked",
            by=Verifier(strategy="golden"),
        )
        for t in made
    }
    tasks = {pair.task.id: pair.task for pair in POSED["reasoning"]}
    data = RoundData(tasks, made, verdicts, gen=3)
    builders = (Positives(), Positives(threshold=0.5, best_k=2, weighted=True, dedupe=False))
    return [example.id for builder in builders for example in builder.build(data)]


def trained() -> list[Any]:
    """Tokens and weights of two examples, their loss, and its gradient by log-probability."""
    told = Step(i=1, role="tool", text="3", tokens=(8, 9), train=0.0)
    steps = (Step(i=0, text="a", tokens=(4, 5)), told, Step(i=2, text="b", tokens=(6,), train=0.5))
    examples = (
        SftExample(prompt=(1, 2), steps=steps),
        WeightedExample(prompt=(3,), steps=steps[:1], weight=0.25),
    )
    rows = [row for example in examples for row in Sft().sequences(example, None)]
    logp = torch.linspace(-3, -0.25, sum(row.loss_tokens for row in rows), requires_grad=True)
    loss = Sft().loss(
        logp,
        LossTokens(
            weight=torch.tensor([w for row in rows for w in row.weights if w]),
            sequence=torch.tensor([i for i, row in enumerate(rows) for w in row.weights if w]),
            per_token={},
            per_sequence={"weight": torch.tensor([row.per_sequence["weight"] for row in rows])},
        ),
    )
    (gradient,) = torch.autograd.grad(loss, logp)
    learned = [[row.tokens, row.weights] for row in rows]
    return [learned, round(loss.item(), 4), [round(g, 4) for g in gradient.tolist()]]


def answered(suites: Sequence[Suite], share: float) -> dict[str, SuiteResult]:
    """Right answers at random, one in ten unchecked."""
    found = {}
    for suite in suites:
        families = np.repeat([c.family for c in suite.cells], [c.n for c in suite.cells])
        shape = (len(families), suite.samples)
        draws = np.random.Generator(np.random.Philox(suite.samples)).random(shape)
        correct = np.where(draws > 0.9, np.nan, (draws < share).astype(float))
        found[suite.name] = SuiteResult(
            suite=suite,
            tasks=tuple(str(i) for i in range(len(families))),
            families=families,
            levels=np.zeros(len(families), np.int64),
            correct=correct,
            answers=tuple(tuple(f"{draw:.1f}" for draw in row) for row in draws),
            tokens=np.arange(correct.size).reshape(shape) % 40,
            parsed=draws > 0.05,
            cost=Cost(tokens=7),
        )
    return found


def evaluated(evaluation: Evaluation) -> Callable[[], Any]:
    def make() -> list[Any]:
        setting = Setting([ENVIRONMENTS["reasoning"]], max_tokens=64, seed=3)
        suites = evaluation.suites(setting)
        made = attempts(Sample(n=4), "reasoning")
        by = Verifier(strategy="golden")
        report = evaluation.report(
            EvalContext(
                setting=setting,
                subject=answered(suites, 0.5),
                baseline=answered(suites, 0.4),
                trajectories=made,
                verdicts=[
                    Verdict(target=Target(id=t.id), value=pick(t.text, 2), by=by) for t in made
                ],
                confidence=0.95,
                key="golden",
            )
        )
        parts = [*report.rows, *report.deltas, *report.exploration_bounds.values()]
        dumped = [part.model_dump(mode="json") for part in parts]
        hashes = [suite.hash for suite in suites]
        return [hashes, dumped, dict(report.retention), dict(report.exploration)]

    return make


def refined(suite: Suite, share: int) -> SuiteResult:
    """Attempts at a suite, right for one in ``share``; some refined once, one in nine unchecked."""
    posed = suite.pose(ENVIRONMENTS["reasoning"])
    made: list[Trajectory] = []
    verdicts: list[Verdict] = []
    for task, gold in posed:
        for sample in range(suite.samples):
            for turn in range(1 + pick(f"{task.id}/{sample}", 2) * (suite.critic is not None)):
                right = pick(f"{task.id}/{sample}/{turn}", share) == 0
                text = str(gold.value) if right else "ok" if sample % 2 else "err 1"
                made.append(
                    Trajectory(
                        task_id=task.id,
                        agent_id="agent",
                        steps=(Step(i=0, text=text),),
                        answer=text,
                        group=task.id,
                        sample=sample,
                        attempt=turn,
                        strategy="golden",
                    )
                )
                verdicts.append(
                    Verdict(
                        target=Target(id=made[-1].id),
                        value=float(text == gold.value),
                        outcome="error" if pick(made[-1].id, 9) == 0 else "checked",
                        by=Verifier(strategy="golden"),
                    )
                )
    return SuiteResult.from_records(suite, [p.task for p in posed], made, verdicts)


def probed(evaluation: Evaluation) -> list[Any]:
    setting = Setting([ENVIRONMENTS["reasoning"]], max_tokens=64, seed=3)
    suites = evaluation.suites(setting)
    ctx = EvalContext(
        setting=setting,
        subject={suite.name: refined(suite, 2) for suite in suites},
        baseline={suite.name: refined(suite, 3) for suite in suites},
        trajectories=(),
        verdicts=(),
        confidence=0.95,
        key="golden",
    )
    report = evaluation.report(ctx)
    dumped = [part.model_dump(mode="json") for part in (*report.rows, *report.deltas)]
    hashes = [suite.hash for suite in suites]
    return [hashes, dumped, dict(report.critique), dict(report.exploration)]


def balanced() -> list[Any]:
    control = BalanceScore(tasks=12, samples=4, target=2)
    found = probed(control.probe())
    return [found, control.settings(1, {}), control.settings(2, found[-1])]


def screened() -> list[Any]:
    """The whole evaluation, the tasks of its stages, and what a weak agent falls short of."""
    staged = Staged(of={"benchmark_suite": {"cells": CELLS}})
    (screen,) = staged.screens()
    suites = screen.suites(Setting([ENVIRONMENTS["reasoning"]], max_tokens=64, seed=3))
    reason = screen.shortfall(answered(suites, 0.1))
    return [evaluated(staged)(), [suite.hash for suite in suites], reason]


def decided(gate: Gate) -> Callable[[], Any]:
    def report(lo: float, hi: float, forgot: float) -> EvalReport:
        fields: dict[str, Any] = {"metric": "accuracy", "n": 400, "confidence": 0.995}
        better = Delta(suite="frontier", family="all", delta=(lo + hi) / 2, lo=lo, hi=hi, **fields)
        kept = Delta(
            suite="retention", family="chain", delta=-forgot, lo=-1, hi=-forgot / 2, **fields
        )
        return EvalReport(
            agent_id="child", baseline_id="incumbent", suite="s", seeds=(0,), deltas=(better, kept)
        )

    cases = ((0.01, 0.2, 0.0), (-0.1, 0.2, 0.0), (-0.2, -0.1, 0.0), (0.01, 0.2, 0.1))
    return lambda: [gate.decide(report(*case), tried).id for case in cases for tried in (1, 2)]


def dominated() -> list[str]:
    def report(worst: float, tokens: float, family: float) -> EvalReport:
        changes = {"worst_decile": worst, "median_family": 0.0, "mean_family": 0.1}
        fields: dict[str, Any] = {"suite": "frontier", "n": 400, "confidence": 0.999}
        deltas = [
            Delta(metric=metric, family=at, delta=d, lo=d - 0.05, hi=d + 0.05, **fields)
            for metric, at, d in (
                *((metric, "all", change) for metric, change in changes.items()),
                ("tokens", "all", tokens),
                ("accuracy", "chain", family),
            )
        ]
        return EvalReport(
            agent_id="child", baseline_id="incumbent", suite="s", seeds=(0,), deltas=tuple(deltas)
        )

    cases = ((0.2, 0.0, 0.0), (-0.2, 0.0, 0.0), (0.0, 3.0, 0.0), (0.0, -3.0, 0.0), (0.2, 0.0, -0.1))
    return [ParetoGate().decide(report(*case), tried).id for case in cases for tried in (1, 2)]


def rechecked() -> list[str]:
    def report(now: float, before: float) -> EvalReport:
        row = ReportRow(
            suite="frontier", env="reasoning", family="all", split="heldout", metric="accuracy",
            value=0.65, lo=0.6, hi=0.7, n=400,
        )  # fmt: skip
        delta = Delta(
            suite="frontier", family="all", metric="accuracy", delta=now - before, lo=-1, hi=1,
            n=400, confidence=0.95,
        )  # fmt: skip
        again = Rechecked(
            promised=row,
            now=row.model_copy(update={"value": now}),
            restored_id="before",
            delta=delta,
        )
        return EvalReport(
            agent_id="child", baseline_id="incumbent", suite="s", seeds=(0,), recheck=again
        )

    return [Recheck().decide(report(*case), 1).id for case in ((0.5, 0.6), (0.5, 0.4), (0.7, 0.6))]


def scheduled() -> list[Any]:
    control = Fixed(schedule={"temperature": (1.0, 0.8), "loss_tokens": (100,)})
    return [control.settings(gen, {"entropy": 1.0}) for gen in (1, 2, 3)]


CASES: list[tuple[Strategy, int, str, Callable[[], Any]]] = [
    (Positives(), 1, "fd51c3d8067f943f", built),
    (Sft(), 1, "9c580597167a21c4", trained),
    (BenchmarkSuite(), 3, "847d77dcb048b201", evaluated(BenchmarkSuite(cells=CELLS))),
    (Staged(), 2, "b2ab88200b80d081", screened),
    (TransferRetention(), 3, "a33bf13b5cb9bb9e", evaluated(TransferRetention(tasks=60))),
    (ExplorationMonitor(), 3, "c6254f406983f0b6", evaluated(ExplorationMonitor())),
    (Always(), 1, "af5b01e3415314bc", decided(Always())),
    (ThresholdGate(), 2, "5fba6d10caea2459", decided(ThresholdGate())),
    (ParetoGate(), 1, "266f28abf3e339c0", dominated),
    (HumanApproval(), 1, "efc9de44b560f70e", decided(HumanApproval())),
    (Recheck(), 1, "074087a4ae69ba90", rechecked),
    (CritiqueEval(), 3, "6dc818f0b7e257b1", lambda: probed(CritiqueEval(tasks=40))),
    (BalanceScore(), 1, "e9ef0074c2169930", balanced),
    (Fixed(), 1, "25b2f336760b31d4", scheduled),
]


@pytest.mark.parametrize(
    ("strategy", "version", "golden", "make"), CASES, ids=[case[0].name for case in CASES]
)
def test_output_changes_only_with_the_version(
    strategy: Strategy, version: int, golden: str, make: Callable[[], Any]
) -> None:
    assert strategy.version == version
    assert digest(make())[:16] == golden


def test_every_built_strategy_has_a_golden_digest() -> None:
    cases = (*CASES, *EPISODES, *REWARDS, *SELECTIONS, *TASKS_AND_VERDICTS)
    covered = {(s.slot, s.name) for s, *_ in cases}
    # Other tests register strategies of their own.
    built = {(slot, name): find(slot, name) for slot in ROOMS for name in names(slot)}
    assert covered == {at for at, kind in built.items() if "cladeflow." in str(kind)}
