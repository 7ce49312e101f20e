"""How good is the critic? Its verdicts on known attempts, and what its critiques change."""

from collections.abc import Mapping

import numpy as np
from pydantic import Field

from cladeflow.environments.base import Environment
from cladeflow.errors import CladeflowError
from cladeflow.evaluate.base import EvalContext, Evaluation, ReportParts, Setting
from cladeflow.evaluate.judging import MEASURES, f1, f1_deltas
from cladeflow.evaluate.scores import DECIMALS, Scores
from cladeflow.evaluate.statistics import Floats
from cladeflow.evaluate.suite import Suite, SuiteResult, correctness, spread
from cladeflow.records import Delta, Split

SUITE = "critique"
DIFFERENCES = (("judged",), ("refined", "gain"))
"""Metrics of judging and of refining with a paired difference to the incumbent."""


class CritiqueEval(Evaluation, name="critique_eval", version=3):
    """The critic of ``role`` (the actor, where an agent has no such weights) on held-out tasks.

    It judges attempts of which about half are corrupted, with the first wrong step known:

    - ``judged``: share whose judgement is exactly right, the first wrong step included.
    - ``verdict_f1`` = 2 TP / (2 TP + FP + FN), positive = "wrong". No judgement is not positive.
    - ``first_error_f1`` = 2 a b / (a + b), a = ``judged`` over the wrong attempts, b over the right
      ones (ProcessBench, Zheng et al. 2024, arXiv:2412.06559).

    And the agent answers other tasks greedily, is criticised, and refines once:

    - ``refined``: accuracy after the refinement; ``gain`` = refined - accuracy before.
    - ``correct_to_wrong`` and ``wrong_to_correct``: share of the right (wrong) answers that the
      refinement turned. With p = accuracy before, refined = p (1 - c2w) + (1 - p) w2c (Yang et
      al. 2024, arXiv:2412.19513).

    The report's ``critique`` has all of them but ``judged`` and ``refined``, which have rows. A
    gate can decide on a critic by the deltas (suite ``critique``) in judged, both F1 scores,
    refined and gain; the other two are shares of different tasks for different agents, so they
    have none. Answers whose check failed count nowhere.
    """

    role: str = "critic"
    tasks: int = Field(default=200, gt=0)
    """Tasks to judge, and as many to refine, per environment, split evenly over its cells."""
    split: Split = "heldout"

    def suites(self, setting: Setting) -> list[Suite]:
        """A suite of attempts to judge and one of tasks to refine, per environment."""
        return [suite for env in _judged(setting) for suite in self._suites(env, setting)]

    def report(self, ctx: EvalContext) -> ReportParts:
        """Rows, deltas, and the measures."""
        subject, baseline = self._scores(ctx, ctx.subject), self._scores(ctx, ctx.baseline)
        parts = [
            ReportParts(
                rows=mine.rows(),
                deltas=mine.deltas(theirs, metrics, confidence=ctx.confidence),
                gaps=mine.gaps(theirs, metrics),
            )
            for mine, theirs, metrics in zip(subject, baseline, DIFFERENCES, strict=True)
        ]
        return ReportParts(
            rows=tuple(row for part in parts for row in part.rows),
            deltas=(*(d for part in parts for d in part.deltas), *self._f1_deltas(ctx)),
            gaps=tuple(gap for part in parts for gap in part.gaps),
            critique=self._measures(ctx),
        )

    def provided(self) -> frozenset[str]:
        """The differences that gates can decide on."""
        measured = {
            f"delta:{SUITE}/{m}" for m in (*MEASURES, *(m for ms in DIFFERENCES for m in ms))
        }
        return frozenset({*measured, f"binary:{SUITE}/judged", f"binary:{SUITE}/refined"})

    def _suites(self, env: Environment, setting: Setting) -> list[Suite]:
        cells = spread(self.tasks, env.frontier or env.levels)
        ways = {
            "judge": {"kind": "judge", "role": self.role},
            "refine": {"critic": self.role},
        }
        return [
            setting.suite(env, f"{SUITE}.{name}", split=self.split, cells=cells, **how)
            for name, how in ways.items()
        ]

    def _scores(self, ctx: EvalContext, results: Mapping[str, SuiteResult]) -> tuple[Scores, ...]:
        judging, refining = (
            self._results(ctx, results, "judge"),
            self._results(ctx, results, "refine"),
        )
        turns = [_turns(result) for result in refining]
        changes = {metric: [one[metric] for one in turns] for metric in turns[0]}
        return (
            Scores.of(
                SUITE,
                judging,
                {"judged": [r.accuracy() for r in judging]},
                binary=frozenset({"judged"}),
            ),
            Scores.of(
                SUITE,
                refining,
                changes,
                unbounded=frozenset({"gain"}),
                binary=frozenset({"refined"}),
            ),
        )

    def _results(
        self, ctx: EvalContext, results: Mapping[str, SuiteResult], name: str
    ) -> list[SuiteResult]:
        return [results[f"{env.name}.{SUITE}.{name}"] for env in _judged(ctx.setting)]

    def _measures(self, ctx: EvalContext) -> dict[str, float]:
        judgements = self._judgements(ctx, ctx.subject)
        said = [(gold, answer) for gold, answer, known in judgements if known]
        turns = [_turns(result) for result in self._results(ctx, ctx.subject, "refine")]
        rates = {
            metric: np.concatenate([one[metric] for one in turns])
            for metric in ("gain", "correct_to_wrong", "wrong_to_correct")
        }
        found = {metric: f1(metric, said) for metric in MEASURES}
        found |= {m: float(np.nanmean(v)) for m, v in rates.items() if not np.isnan(v).all()}
        return {metric: round(value, DECIMALS) for metric, value in found.items()}

    def _judgements(
        self, ctx: EvalContext, results: Mapping[str, SuiteResult]
    ) -> list[tuple[str, str | None, bool]]:
        """Gold, judgement, and whether it could be checked, of every attempt."""
        found: list[tuple[str, str | None, bool]] = []
        for env, result in zip(
            _judged(ctx.setting), self._results(ctx, results, "judge"), strict=True
        ):
            golds = [str(posed.gold.value) for posed in result.suite.pose(env)]
            answers = [answer for (answer,) in result.answers]
            found += zip(golds, answers, result.checked[:, 0].tolist(), strict=True)
        return found

    def _f1_deltas(self, ctx: EvalContext) -> tuple[Delta, ...]:
        mine, theirs = self._judgements(ctx, ctx.subject), self._judgements(ctx, ctx.baseline)
        said = [
            (gold, answer, before)
            for (gold, answer, known), (_, before, known_before) in zip(mine, theirs, strict=True)
            if known and known_before
        ]
        return f1_deltas(SUITE, said, ctx.confidence, ctx.key)


def _judged(setting: Setting) -> list[Environment]:
    """Environments that know where an attempt goes wrong."""
    found = [env for env in setting.environments if "judge" in env.provided()]
    if not found:
        names = ", ".join(env.name for env in setting.environments)
        raise CladeflowError(
            f"critique_eval: {names} poses no attempts to judge; leave critique_eval out of the "
            "recipe's evaluate"
        )
    return found


def _turns(result: SuiteResult) -> dict[str, Floats]:
    """Metric → [T], nan where a task has no value."""
    judged = {v.target.id: correctness(v) for v in result.verdicts}
    ordered = sorted(result.trajectories, key=lambda t: t.attempt)
    last = {t.task_id: judged.get(t.id, np.nan) for t in ordered}
    first = {t.task_id: judged.get(t.id, np.nan) for t in reversed(ordered)}
    before = np.array([first[task] for task in result.tasks])
    after = np.array([last[task] for task in result.tasks])
    return {
        "refined": np.where(np.isnan(before), np.nan, after),
        "gain": after - before,
        "correct_to_wrong": np.where(before == 1, 1 - after, np.nan),
        "wrong_to_correct": np.where(before == 0, after, np.nan),
    }
