"""From a check to runs: the settings of an arm, and the tokens that it is matched to."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.evolutions.results import Result
from benchmarks.evolutions.runs import Bench, Trial
from benchmarks.evolutions.tables import tokens
from benchmarks.recipes.checks import CHECKS, COMMON, CONTROL, SHUFFLED, Arm, Check
from cladeflow.recipes import Resolved, recipe_path
from cladeflow.recipes.model import Recipe, Round
from cladeflow.recipes.overrides import apply
from cladeflow.recipes.parse import load_yaml, read_source

ITSELF = Arm("itself", "the recipe")


class Run(NamedTuple):
    """One seed of one arm of a check."""

    check: Check
    arm: Arm
    seed: int

    @property
    def name(self) -> str:
        """Of the arm in results: the recipe, and what it is compared with."""
        return arm_name(self.check, self.arm)


def arm_name(check: Check, arm: Arm) -> str:
    """What an arm is called in results."""
    return check.recipe if arm == ITSELF else f"{check.recipe}.{arm.name}"


def passes(recipe: Recipe) -> int:
    """How often a generation samples and then trains the actor on what it sampled."""
    return sum(part.repeat for part in recipe.rounds if part.rollout and _trains_actor(part))


def _trains_actor(part: Round) -> bool:
    return any(update.role == "actor" for update in part.fine_tune)


def attempts(resolved: Resolved) -> int:
    """Attempts at a task in a recipe of one round that samples."""
    ((entry,),) = [part.rollout for part in resolved.recipe.rounds]
    return int(entry.options["n"] or resolved.scale.samples)


def shuffled(name: str, settings: Iterable[str], resolved: Resolved) -> list[str]:
    """Settings that deal the verdicts of every round to the wrong attempts."""
    raw = apply(load_yaml(read_source(recipe_path(name)), name), settings)
    if not raw.get("rounds"):
        return [f"verification={_dealt(resolved.recipe.rounds[0])}"]
    rounds = [part for part in resolved.recipe.rounds if part.verification]
    return [f"rounds.{part.name}.verification={_dealt(part)}" for part in rounds]


def _dealt(part: Round) -> str:
    entries = [{"shuffled": {"of": {e.name: e.options}}} for e in part.verification]
    return json.dumps(entries)


@dataclass(frozen=True)
class Plan:
    """All checks on one bench."""

    bench: Bench

    def perform(self, run: Run) -> Result:
        """The run's result: found or made now, after those that it is matched to."""
        return self.bench.perform(self.trial(run))

    def trial(self, run: Run) -> Trial:
        """What a run runs."""
        settings = [*COMMON, *(() if run.arm.recipe else run.check.settings), *run.arm.settings]
        name = run.arm.recipe or run.check.recipe
        if run.arm == SHUFFLED:
            settings += shuffled(name, settings, self.bench.resolve(name, settings))
        if run.arm != ITSELF:
            settings += self._matched(run, name, settings)
        return Trial(run.name, run.seed, name, tuple(settings), run.check.generations)

    def _matched(self, run: Run, name: str, settings: list[str]) -> list[str]:
        """What gives an arm the tokens of the recipe with that seed.

        Another recipe samples as many; and trains on as many, generation by generation, whatever
        has a single update and its control fixed. Other arms take the tokens that they take.
        """
        found = self._as_often(run, name, settings) if run.arm.recipe else []
        resolved = self.bench.resolve(name, [*settings, *found])
        control, parts = resolved.recipe.control, resolved.recipe.rounds
        if control.name != "fixed" or sum(len(part.fine_tune) for part in parts) != 1:
            return found
        recipe = self.perform(run._replace(arm=ITSELF))
        updates = sum(part.repeat * len(part.fine_tune) for part in parts)
        budget = [max(a["trained_tokens"] // updates, 1) for a in recipe["agents"][1:]]
        schedule = control.options["schedule"] | {"loss_tokens": budget}
        return [*found, f"control={json.dumps({'fixed': {'schedule': schedule}})}"]

    def _as_often(self, run: Run, name: str, settings: list[str]) -> list[str]:
        """Passes and tasks with which another recipe samples as many tokens as the one under test.

        The passes of a round share its tasks, so each gets a whole number of them. How many tokens
        an attempt takes is known from the control's own check with that seed.
        """
        itself = self.trial(run._replace(arm=ITSELF))
        recipe = self.bench.resolve(itself.recipe, itself.settings).recipe
        often = max(passes(recipe), 1)
        wanted = tokens(self.bench.perform(itself), "sampled_tokens") / itself.generations
        trial = self.trial(Run(CHECKS[CONTROL], ITSELF, run.seed))
        reference = self.bench.resolve(trial.recipe, trial.settings)
        assert recipe.environments == reference.recipe.environments, "tasks of other environments"
        found = tokens(self.bench.perform(trial), "sampled_tokens") / trial.generations
        each = found / reference.scale.tasks / attempts(reference)
        rounds = json.dumps([{"name": "main", "repeat": often}])
        tasks = wanted / each / attempts(self.bench.resolve(name, settings))
        return [f"rounds={rounds}", f"scale.tasks={max(round(tasks / often), 1) * often}"]
