from collections.abc import Mapping, Sequence
from math import log

import numpy as np
import pytest
from pydantic import ValidationError

from cladeflow.environments import Reasoning
from cladeflow.errors import CladeflowError
from cladeflow.evaluate import (
    BenchmarkSuite,
    Cell,
    EvalContext,
    Evaluation,
    ExplorationMonitor,
    ReportParts,
    Setting,
    Suite,
    SuiteResult,
    TransferRetention,
    declared_suites,
    evaluation_report,
)
from cladeflow.evaluate.statistics import bootstrap_of_sums
from cladeflow.records import Bounds, Cost, EvalReport, Step, Trajectory, Verdict
from cladeflow.records.verdict import Target, Verifier
from cladeflow.strategy import names

FRONTIER = {"chain": (5, 6), "addition": (6,)}
MASTERED = {"chain": (1, 2), "addition": (1,)}


@pytest.fixture
def setting(monkeypatch: pytest.MonkeyPatch) -> Setting:
    monkeypatch.setattr(Reasoning, "frontier", FRONTIER)
    monkeypatch.setattr(Reasoning, "mastered", MASTERED)
    return Setting(environments=[Reasoning()], max_tokens=64, seed=3)


def results(
    suites: Sequence[Suite], right: Mapping[str, float], seed: int = 0
) -> dict[str, SuiteResult]:
    """Answers to every suite; ``right`` is the share of right ones by family."""
    return {suite.name: _result(suite, right, seed) for suite in suites}


def _result(suite: Suite, right: Mapping[str, float], seed: int) -> SuiteResult:
    families = np.repeat([c.family for c in suite.cells], [c.n for c in suite.cells])
    shape = (len(families), suite.samples)
    chance = np.array([right[family] for family in families])[:, None]
    correct = (np.random.default_rng(seed).random(shape) < chance).astype(float)
    return SuiteResult(
        suite=suite,
        tasks=tuple(f"{suite.split}/{i}" for i in range(len(families))),
        families=families,
        levels=np.zeros(len(families), np.int64),
        correct=correct,
        answers=tuple(tuple("right" if c else f"no {i}" for i, c in enumerate(r)) for r in correct),
        tokens=np.full(shape, 20),
        parsed=np.ones(shape, np.bool_),
        cost=Cost(tokens=20 * correct.size, calls=correct.size),
    )


def context(
    setting: Setting,
    evaluation: Evaluation,
    child: Mapping[str, float],
    incumbent: Mapping[str, float],
    rollouts: Sequence[tuple[Trajectory, Verdict]] = (),
    confidence: float = 0.95,
) -> EvalContext:
    suites = evaluation.suites(setting)
    return EvalContext(
        setting=setting,
        subject=results(suites, child, seed=1),
        baseline=results(suites, incumbent, seed=2),
        trajectories=[trajectory for trajectory, _ in rollouts],
        verdicts=[verdict for _, verdict in rollouts],
        confidence=confidence,
        key="7",
    )


def test_the_room_registers_its_strategies() -> None:
    assert {"benchmark_suite", "exploration_monitor", "transfer_retention"} <= set(
        names("evaluate")
    )


def test_benchmark_asks_the_same_frontier_tasks_greedily_and_sampled(setting: Setting) -> None:
    greedy, sampled = BenchmarkSuite(tasks=31, samples=6).suites(setting)
    cells = (Cell("chain", 5, 11), Cell("chain", 6, 10), Cell("addition", 6, 10))
    assert greedy.cells == sampled.cells == cells
    assert (greedy.samples, greedy.temperature) == (1, 0)
    assert (sampled.samples, sampled.temperature) == (6, 0.7)
    assert greedy.pose(Reasoning()) == sampled.pose(Reasoning())


def test_benchmark_takes_cells_as_an_option(setting: Setting) -> None:
    suite = BenchmarkSuite(cells={"chain": {9: 5}, "another_env": {1: 4}}).suites(setting)[0]
    assert suite.cells == (Cell("chain", 9, 5),)


def test_benchmark_falls_back_to_every_level(setting: Setting) -> None:
    Reasoning.frontier = {}
    cells = BenchmarkSuite(tasks=100).suites(setting)[0].cells
    assert {cell.family for cell in cells} == {"chain", "addition", "countdown"}


@pytest.mark.parametrize("evaluation", [BenchmarkSuite(), TransferRetention()])
def test_the_default_suites_can_be_posed(evaluation: Evaluation) -> None:
    setting = Setting(environments=[Reasoning()], max_tokens=64, seed=3)
    for suite in evaluation.suites(setting):
        tasks = [posed.task.id for posed in suite.pose(Reasoning())]
        assert len(set(tasks)) == sum(cell.n for cell in suite.cells) >= 300


def test_benchmark_needs_k_samples() -> None:
    with pytest.raises(ValidationError, match="needs samples >= 8"):
        BenchmarkSuite(k=8)


def test_benchmark_rows_and_deltas(setting: Setting) -> None:
    evaluation = BenchmarkSuite(tasks=300)
    ctx = context(
        setting,
        evaluation,
        child={"chain": 0.9, "addition": 0.4},
        incumbent={"chain": 0.5, "addition": 0.4},
        confidence=0.99,
    )
    parts = evaluation.report(ctx)
    rows = {(row.family, row.metric): row for row in parts.rows}
    assert {metric for _, metric in rows} == {
        "accuracy", "greedy", "sampled", "pass@4", "maj@4", "parse_rate", "tokens", "unchecked"
    }  # fmt: skip
    greedy, sampled = ctx.subject.values()
    before = ctx.baseline[greedy.suite.name]
    assert rows["all", "greedy"].value == pytest.approx(greedy.correct.mean(), abs=1e-6)
    assert rows["all", "sampled"].value == pytest.approx(sampled.correct.mean(), abs=1e-6)
    assert rows["chain", "pass@4"].value == pytest.approx(
        sampled.correct[sampled.families == "chain"].any(axis=1).mean(), abs=1e-6
    )
    assert (rows["all", "tokens"].value, rows["all", "tokens"].budget) == (20, 64)
    assert rows["chain", "accuracy"].n == 200
    deltas = {(delta.family, delta.metric): delta for delta in parts.deltas}
    assert len(deltas) == 12 + 3
    assert deltas["all", "greedy"].wins == int((greedy.correct > before.correct).sum())
    assert deltas["all", "greedy"].losses == int((greedy.correct < before.correct).sum())
    assert deltas["all", "accuracy"].wins is None
    assert deltas["all", "tokens"].delta == 0
    by_family = [deltas[family, "accuracy"].delta for family in ("chain", "addition")]
    assert deltas["all", "mean_family"].delta == pytest.approx(np.mean(by_family), abs=2e-6)
    assert deltas["chain", "accuracy"].lo > 0.25
    assert deltas["addition", "accuracy"].lo < 0 < deltas["addition", "accuracy"].hi
    assert deltas["all", "accuracy"].delta == pytest.approx(
        (deltas["all", "greedy"].delta + deltas["all", "sampled"].delta) / 2, abs=2e-6
    )
    assert {delta.confidence for delta in parts.deltas} == {0.99}


def test_deltas_refuse_different_tasks(setting: Setting) -> None:
    evaluation = BenchmarkSuite(tasks=30)
    ctx = context(setting, evaluation, {"chain": 1, "addition": 1}, {"chain": 1, "addition": 1})
    other = BenchmarkSuite(tasks=60).suites(setting)
    moved = EvalContext(**(vars(ctx) | {"baseline": results(other, {"chain": 1, "addition": 1})}))
    with pytest.raises(CladeflowError, match="different tasks"):
        evaluation.report(moved)


def test_a_family_that_went_unchecked_is_a_gap_and_the_others_stay(setting: Setting) -> None:
    evaluation = BenchmarkSuite(tasks=30)
    ctx = context(setting, evaluation, {"chain": 1, "addition": 1}, {"chain": 1, "addition": 1})
    for result in ctx.subject.values():
        result.correct[result.families == "addition"] = np.nan
    parts = evaluation.report(ctx)
    assert {gap.family for gap in parts.gaps} == {"addition"}
    assert {gap.metric for gap in parts.gaps} == {"accuracy", "greedy", "sampled"}
    compared = {delta.family for delta in parts.deltas if delta.metric == "accuracy"}
    assert compared == {"all", "chain"}
    assert {delta.n for delta in parts.deltas if delta.metric == "worst_decile"} == {20}


def test_a_suite_that_went_unchecked_is_nothing_but_gaps(setting: Setting) -> None:
    evaluation = TransferRetention(tasks=30)
    ctx = context(setting, evaluation, {"chain": 1, "addition": 1}, {"chain": 1, "addition": 1})
    for result in ctx.subject.values():
        result.correct[:] = np.nan
    parts = evaluation.report(ctx)
    assert not parts.deltas
    assert {gap.family for gap in parts.gaps} == {"all", "chain", "addition"}


def test_retention_sees_the_family_that_was_forgotten(setting: Setting) -> None:
    evaluation = TransferRetention(tasks=300)
    ctx = context(
        setting,
        evaluation,
        child={"chain": 0.99, "addition": 0.8},
        incumbent={"chain": 0.99, "addition": 0.99},
    )
    (suite,) = evaluation.suites(setting)
    assert suite.cells == (Cell("chain", 1, 100), Cell("chain", 2, 100), Cell("addition", 1, 100))
    assert suite.temperature == 0
    parts = evaluation.report(ctx)
    deltas = {delta.family: delta for delta in parts.deltas}
    assert set(deltas) == {"chain", "addition"}
    assert deltas["addition"].hi < -0.02
    assert deltas["chain"].lo < 0 < deltas["chain"].hi
    assert parts.retention == {family: delta.delta for family, delta in deltas.items()}


def test_an_environment_without_mastered_levels_has_nothing_to_retain(setting: Setting) -> None:
    Reasoning.mastered = {}
    evaluation = TransferRetention()
    assert evaluation.suites(setting) == []
    assert evaluation.report(context(setting, evaluation, {}, {})) == ReportParts()


def rollouts(groups: Sequence[str]) -> list[tuple[Trajectory, Verdict]]:
    """One group per string of letters: equal letters equal texts, upper case right, ? unchecked."""
    return [
        _rollout(f"task-{g}", sample, letter)
        for g, letters in enumerate(groups)
        for sample, letter in enumerate(letters)
    ]


def _rollout(task: str, sample: int, letter: str) -> tuple[Trajectory, Verdict]:
    steps = (
        Step(i=0, text=letter, tokens=(1, 2), logp=(log(0.5), log(0.25))),
        Step(i=1, text="told", role="env", kind="observe"),
    )
    trajectory = Trajectory(
        task_id=task, agent_id="a", steps=steps, group=task, sample=sample, strategy="sample"
    )
    verdict = Verdict(
        target=Target(id=trajectory.id),
        value=float(letter.isupper()),
        ok=None if letter == "?" else letter.isupper(),
        by=Verifier(strategy="verifiable_reward"),
        outcome="error" if letter == "?" else "checked",
    )
    return trajectory, verdict


def test_exploration_by_hand(setting: Setting) -> None:
    evaluation = ExplorationMonitor(k=2)
    made = rollouts(["AABc", "abcd", "AAAA", "AB?a"])
    parts = evaluation.report(context(setting, evaluation, {}, {}, made))
    assert parts.exploration == pytest.approx(
        {
            "entropy": (log(2) + log(4)) / 2,
            "distinct_correct": (2 + 0 + 1 + 2) / 4,
            "pass@2_gain": ((1 - 0) - 3 / 4 + 0 + 0 + (1 - 0) - 2 / 3) / 4,
            "duplicates": (1 + 0 + 3 + 0) / 16,
            "all_right": 1 / 4,
            "all_wrong": 1 / 4,
            "positive_rate": (3 + 0 + 4 + 2) / 15,
        },
        abs=1e-6,
    )


def test_exploration_has_bounds_over_tasks(setting: Setting) -> None:
    evaluation = ExplorationMonitor(k=2)
    made = rollouts(["AABc", "abcd", "AAAA", "AB?a"])
    parts = evaluation.report(context(setting, evaluation, {}, {}, made))
    assert parts.exploration_bounds.keys() == parts.exploration.keys()
    assert all(bounds.n == 4 for bounds in parts.exploration_bounds.values())
    rate = parts.exploration_bounds["positive_rate"]
    # 3/4, 0/4, 4/4, 2/3 right, with a pseudo-task of 15/4 attempts at either bound
    expected = bootstrap_of_sums(
        [[3, 4], [0, 4], [4, 4], [2, 3]],
        lambda sums: sums[..., 0] / sums[..., 1],
        pseudo=[[0, 15 / 4], [15 / 4, 15 / 4]],
        key="7/exploration/positive_rate",
    )
    assert (rate.lo, rate.hi) == (round(expected.lo, 6), round(expected.hi, 6))
    assert rate.lo < parts.exploration["positive_rate"] < rate.hi
    entropy = parts.exploration_bounds["entropy"]  # every token is as likely in every task
    assert entropy.lo == entropy.hi == parts.exploration["entropy"]


def test_one_task_has_no_interval(setting: Setting) -> None:
    evaluation = ExplorationMonitor(k=2)
    parts = evaluation.report(context(setting, evaluation, {}, {}, rollouts(["AABc"])))
    assert parts.exploration["distinct_correct"] == 2
    assert parts.exploration_bounds == {}


def test_exploration_of_nothing_says_nothing(setting: Setting) -> None:
    evaluation = ExplorationMonitor()
    assert evaluation.report(context(setting, evaluation, {}, {})).exploration == {}


def test_one_report_from_all_strategies(setting: Setting) -> None:
    evaluations = [BenchmarkSuite(tasks=60), TransferRetention(tasks=30), ExplorationMonitor()]
    suites = declared_suites(evaluations, setting)
    assert [suite.name for suite in suites] == [
        "reasoning.frontier.greedy",
        "reasoning.frontier.sampled",
        "reasoning.retention",
    ]
    right = {"chain": 0.5, "addition": 0.5}
    ctx = EvalContext(
        setting=setting,
        subject=results(suites, right),
        baseline=results(suites, right),
        trajectories=[t for t, _ in rollouts(["AABc", "abcd"])],
        verdicts=[v for _, v in rollouts(["AABc", "abcd"])],
        confidence=0.95,
        key="7",
    )
    made = [
        evaluation_report(evaluations, ctx, agent_id="a", baseline_id="b", identical=False, gen=1)
        for _ in range(2)
    ]
    assert made[0].id == made[1].id
    assert EvalReport.from_line(made[0].to_line()) == made[0]
    assert set(made[0].retention) == {"chain", "addition"}
    assert made[0].exploration["distinct_correct"] == 1
    assert made[0].exploration_bounds["distinct_correct"] == Bounds(lo=0, hi=2, n=2)
    assert made[0].cost.tokens == 20 * (60 + 4 * 60 + 30)


def test_a_suite_name_belongs_to_one_suite(setting: Setting) -> None:
    same = BenchmarkSuite(tasks=30)
    assert len(declared_suites([same, same], setting)) == 2
    with pytest.raises(CladeflowError, match=r"reasoning\.frontier\.greedy"):
        declared_suites([same, BenchmarkSuite(tasks=60)], setting)
