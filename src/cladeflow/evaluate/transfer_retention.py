"""Does an agent still do what its predecessor had mastered?"""

from collections.abc import Mapping, Sequence

from pydantic import Field

from cladeflow.environments.base import Environment
from cladeflow.evaluate.base import EvalContext, Evaluation, ReportParts, Setting
from cladeflow.evaluate.scores import ALL, Scores
from cladeflow.evaluate.suite import Suite, SuiteResult, spread
from cladeflow.records import Split

SUITE = "retention"
"""The suite whose deltas are guardrails: gates block a family that was forgotten."""


class TransferRetention(Evaluation, name="transfer_retention", version=3):
    """Greedy accuracy on mastered levels, compared task by task with the incumbent's.

    retention_f = mean over the tasks of family f of (correct_child - correct_incumbent), with its
    paired interval at ``confidence``. That interval is not corrected for the children tried: a
    correction would only make forgetting harder to see. An environment that declares no mastered
    levels has nothing to retain and takes no part.

    Source: the forgetting measure of Chaudhry et al. 2018 (arXiv 1801.10112), with the incumbent
    as the reference because it is what a promotion would replace.
    """

    tasks: int = Field(default=300, gt=0)
    """Tasks per environment, split evenly over its mastered cells."""
    split: Split = "heldout"
    confidence: float = Field(default=0.95, gt=0, lt=1)

    def suites(self, setting: Setting) -> list[Suite]:
        """One greedy suite per environment that declares mastered levels."""
        return [
            setting.suite(env, SUITE, split=self.split, cells=spread(self.tasks, env.mastered))
            for env in _mastered(setting.environments)
        ]

    def report(self, ctx: EvalContext) -> ReportParts:
        """Accuracy rows, and a delta per family."""
        envs = _mastered(ctx.setting.environments)
        if not envs:
            return ReportParts()
        subject, baseline = _scores(envs, ctx.subject), _scores(envs, ctx.baseline)
        deltas = tuple(
            delta
            for delta in subject.deltas(baseline, ("accuracy",), confidence=self.confidence)
            if delta.family != ALL
        )
        return ReportParts(
            rows=subject.rows(),
            deltas=deltas,
            gaps=subject.gaps(baseline, ("accuracy",)),
            retention={delta.family: delta.delta for delta in deltas},
        )


def _mastered(environments: Sequence[Environment]) -> list[Environment]:
    return [env for env in environments if env.mastered]


def _name(env: Environment) -> str:
    return f"{env.name}.{SUITE}"


def _scores(envs: Sequence[Environment], results: Mapping[str, SuiteResult]) -> Scores:
    found = [results[_name(env)] for env in envs]
    unchecked = [(~result.checked).mean(axis=1) for result in found]
    accuracy = [result.accuracy() for result in found]
    measured = {"accuracy": accuracy, "unchecked": unchecked}
    return Scores.of(SUITE, found, measured, binary=frozenset({"accuracy"}))
