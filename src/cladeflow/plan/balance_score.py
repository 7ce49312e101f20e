"""B-STaR's control: the temperature and threshold that balance exploration and exploitation."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from pydantic import Field, PositiveFloat

from cladeflow.evaluate.base import EvalContext, Evaluation, ReportParts, Setting
from cladeflow.evaluate.scores import DECIMALS
from cladeflow.evaluate.suite import Suite, SuiteResult, correctness, spread
from cladeflow.plan.control import Control


class BalanceScore(Control, name="balance_score", version=1):
    """(T, τ) = argmax mean_x bs(x), bs = min(n'/n*, 1) n'/n.

    Of a task's samples at temperature T, n have a reward R >= τ and n' of those are right, each
    text counted once, as `positives` keeps them; n* is ``target``. The mean is over the tasks with
    at least one such sample, 0 where there is none. Enough different right samples (n' up to n*)
    is exploration, their purity n'/n exploitation. Ties go to the first of the grid. Source:
    B-STaR (Zeng et al. 2024, arXiv:2412.17256).

    What a generation is planned by has to be committed before: every evaluation also answers
    ``tasks`` dev tasks per environment ``samples`` times at each temperature, and the plan reads
    what was found for the agent that the generation starts from. The first generation starts from
    an agent that nothing is known of, and stays with the recipe's settings. A check that is right
    or wrong makes every τ in (0, 1] the same; the thresholds matter for graded rewards.
    """

    target: int = Field(default=8, gt=0)
    temperatures: tuple[PositiveFloat, ...] = Field(default=(0.5, 0.7, 0.9, 1.1), min_length=1)
    thresholds: tuple[float, ...] = Field(default=(1.0, 0.5), min_length=1)
    tasks: int = Field(default=40, gt=0)
    samples: int = Field(default=8, gt=0)

    def settings(self, gen: int, measured: Mapping[str, float]) -> dict[str, Any]:
        grid = [(T, tau) for T in self.temperatures for tau in self.thresholds]
        known = [(measured[at], place) for place in grid if (at := measure(*place)) in measured]
        if not known:
            return {}
        temperature, threshold = max(known, key=lambda one: one[0])[1]
        return {"temperature": temperature, "threshold": threshold}

    def probe(self) -> Evaluation:
        return BalanceProbe(control=self)


class BalanceProbe(Evaluation):
    """Measures the balance scores that `BalanceScore` chooses from, on tasks of the dev split."""

    control: BalanceScore

    def identity(self) -> dict[str, Any]:
        return self.control.identity()

    def suites(self, setting: Setting) -> list[Suite]:
        """One suite per environment and temperature, on the same tasks."""
        return [
            setting.suite(
                env,
                f"balance.{temperature:g}",
                split="dev",
                cells=spread(self.control.tasks, env.frontier or env.levels),
                samples=self.control.samples,
                temperature=temperature,
            )
            for env in setting.environments
            for temperature in self.control.temperatures
        ]

    def report(self, ctx: EvalContext) -> ReportParts:
        """The scores as part of the report's ``exploration``."""
        found = {}
        for temperature in self.control.temperatures:
            results = [
                ctx.subject[f"{env.name}.balance.{temperature:g}"]
                for env in ctx.setting.environments
            ]
            for threshold in self.control.thresholds:
                score = _mean_balance(results, threshold, self.control.target)
                found[measure(temperature, threshold)] = round(score, DECIMALS)
        return ReportParts(exploration=found)


def measure(temperature: float, threshold: float) -> str:
    """The name of a balance score among the measures of exploration."""
    return f"balance/{temperature:g}/{threshold:g}"


def balance(kept: Sequence[bool], target: int) -> float:
    """The score bs of one task: for each different sample kept, whether it is right."""
    right = sum(kept)
    return min(right / target, 1.0) * right / len(kept)


def _mean_balance(results: Sequence[SuiteResult], threshold: float, target: int) -> float:
    tasks = [kept for result in results for kept in _kept(result, threshold).values()]
    return fmean(balance(kept, target) for kept in tasks) if tasks else 0.0


def _kept(result: SuiteResult, threshold: float) -> dict[str, list[bool]]:
    """By task with any: for each different text whose reward reaches the threshold, is it right."""
    verdicts = {verdict.target.id: verdict for verdict in result.verdicts}
    kept: dict[str, dict[str, bool]] = {}
    for trajectory in result.trajectories:
        verdict = verdicts[trajectory.id]
        if verdict.outcome == "checked" and verdict.value >= threshold:
            kept.setdefault(trajectory.task_id, {})[trajectory.text] = correctness(verdict) == 1
    return {task: list(texts.values()) for task, texts in kept.items()}
