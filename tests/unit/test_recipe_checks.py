"""The harness behind docs/recipes: what its arms run, what they are matched to, its verdicts."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.evolutions.results import Result
from benchmarks.evolutions.runs import Bench, Trial
from benchmarks.evolutions.tables import begin, end, put
from benchmarks.recipes.arms import ITSELF, Plan, Run, passes
from benchmarks.recipes.checks import CHECKS, SHUFFLED, Arm, Check
from benchmarks.recipes.report import Results, outcome, verdict
from cladeflow.recipes import Resolved, load_recipe
from cladeflow.verification import Shuffled

CHECK = CHECKS["default"]
CONTROL = CHECK.arms[0]
TOKENS = {"star-0": (500, 90), "default-0": (1000, 300), "imitate_explore-0": (1200, 400)}
"""Sampled and trained by each of the two generations."""


class Told(Bench):
    """A bench whose runs have happened: nothing is run, and all else is real."""

    def perform(self, trial: Trial) -> Result:
        sampled, trained = TOKENS[str(trial)]
        agents = [
            {"sampled_tokens": sampled * (g > 0), "trained_tokens": trained * g}
            for g in range(trial.generations + 1)
        ]
        return {"agents": agents}  # type: ignore[typeddict-item]


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan(Told(tmp_path, model=None, scale="tiny", keep=False))


def resolved(plan: Plan, run: Run) -> Resolved:
    trial = plan.trial(run)
    return plan.bench.resolve(trial.recipe, trial.settings)


def test_the_control_samples_and_trains_on_as_many_tokens(plan: Plan) -> None:
    """500 tokens for star's 250 tasks are 2 a task, so 1000 tokens are 500 tasks."""
    trial, found = plan.trial(Run(CHECK, CONTROL, 0)), resolved(plan, Run(CHECK, CONTROL, 0))
    assert (trial.arm, trial.recipe, trial.generations) == ("default.control", "star", 2)
    assert found.scale.tasks == 500
    assert found.recipe.control.options["schedule"]["loss_tokens"] == [300, 600]


def test_the_control_makes_as_many_passes(plan: Plan) -> None:
    """1200 tokens are 600 tasks, which three passes share, as they do the 400 loss tokens."""
    settings = ("rounds.explore.repeat=3", "scale.tasks=10")
    check = Check("imitate_explore", generations=1, settings=settings)
    found = resolved(plan, Run(check, CONTROL, 0))
    (part,) = found.recipe.rounds
    assert (part.repeat, found.scale.tasks) == (3, 600)
    assert found.recipe.control.options["schedule"]["loss_tokens"] == [133]


def test_a_pass_samples_and_trains_the_actor() -> None:
    assert passes(load_recipe("star")) == 1
    assert passes(load_recipe("agentevol")) == 3  # cloning samples nothing
    assert passes(load_recipe("mathcritique")) == 1  # the critic's round and the first samples


@pytest.mark.parametrize("name", ["default", "imitate_explore"])
def test_shuffled_deals_the_verdicts_of_every_round(plan: Plan, name: str) -> None:
    check = Check(name, generations=2, settings=("scale.tasks=7",))
    dealt, itself = (resolved(plan, Run(check, arm, 0)) for arm in (SHUFFLED, ITSELF))
    assert dealt.scale == itself.scale
    for part, before in zip(dealt.recipe.rounds, itself.recipe.rounds, strict=True):
        for entry, inner in zip(part.verification, before.verification, strict=True):
            shuffled = entry.build()
            assert isinstance(shuffled, Shuffled) and shuffled.inner == inner.build()
        assert part.model_copy(update={"verification": before.verification}) == before


def test_a_knock_out_with_one_update_trains_on_as_many_tokens(plan: Plan) -> None:
    found = resolved(plan, Run(CHECK, SHUFFLED, 0)).recipe
    assert found.control.options["schedule"]["loss_tokens"] == [300, 600]


def test_every_arm_is_evaluated_alike(plan: Plan) -> None:
    arms = [resolved(plan, Run(CHECK, arm, 0)).recipe for arm in (ITSELF, *CHECK.arms)]
    assert all((a.evaluate, a.promote) == (arms[0].evaluate, arms[0].promote) for a in arms)


def results(gap: float, seeds: int = 5, sampled: int = 1000, dealt: float | None = None) -> Results:
    """Runs in which ``default`` solves a share of the tasks more than its arms."""
    shares = {"default": 0.5, "default.control": 0.5 - gap}
    shares["default.shuffled"] = 0.5 - (gap if dealt is None else dealt)
    return {
        arm: [_result(share, seed, sampled if "control" in arm else 1000) for seed in range(seeds)]
        for arm, share in shares.items()
    }


def _result(share: float, seed: int, sampled: int) -> Any:
    count = round(200 * share) + seed % 2
    solved = [1.0] * count + [0.0] * (200 - count)
    agent = {"sampled_tokens": sampled, "trained_tokens": 500}
    return {
        "seed": seed, "tasks": f"tasks {seed}",
        "agents": [{**agent, "scores": {"greedy": solved, "sampled": solved}}],
    }  # fmt: skip


def test_outcomes() -> None:
    assert outcome(CHECK, results(0.2)) == "measured"
    assert outcome(CHECK, results(0.0)) == "null"
    assert outcome(CHECK, results(-0.2)) == "null"
    assert outcome(CHECK, results(0.2, dealt=0.0)) == "null"  # the gain outlives the knock-out
    assert outcome(CHECK, results(0.2, seeds=4)) == "not measured"
    assert outcome(CHECK, {}) == "not measured"


def test_a_control_on_other_tokens_proves_nothing() -> None:
    assert verdict(CHECK, CONTROL, results(0.2, sampled=1020)) == "yes"
    assert verdict(CHECK, CONTROL, results(0.2, sampled=1100)) == "tokens differ"
    assert outcome(CHECK, results(0.2, sampled=1100)) == "not measured"


def test_the_key_mechanism_is_an_arm_of_its_own() -> None:
    without = Arm("fixed", "no balance score", settings=("control=fixed",))
    check = CHECK._replace(without=(without,))
    assert [arm.name for arm in check.arms] == ["control", "shuffled", "fixed"]
    assert outcome(check, results(0.2)) == "not measured"


def test_a_run_that_is_done_is_not_done_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path, model=None, scale="tiny", keep=False)
    trial = Plan(bench).trial(Run(CHECK, ITSELF, 0))
    (tmp_path / "results").mkdir()
    made = {"arm": "default", "identity": bench.identity(trial)}
    (tmp_path / "results" / "default-0.json").write_text(json.dumps(made))
    assert bench.perform(trial) == made
    assert bench.result(trial._replace(settings=("scale.tasks=2",))) is None


def test_text_goes_between_its_markers_or_nowhere() -> None:
    document = f"a\n{begin('x')}\nold\n{end('x')}\nb"
    assert put(document, "x", "new") == f"a\n{begin('x')}\n\nnew\n\n{end('x')}\nb"
    with pytest.raises(ValueError, match="no markers"):
        put(document, "y", "new")
