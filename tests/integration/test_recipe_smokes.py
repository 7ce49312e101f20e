"""Every recipe that runs, for one generation of a few seconds on the embedded seed model."""

from collections.abc import Iterable
from math import isfinite
from pathlib import Path
from time import perf_counter

import pytest

from cladeflow.archive.archive import Archive
from cladeflow.environments.base import Environment
from cladeflow.graph import unroll
from cladeflow.home import Home
from cladeflow.recipes import load_recipe, recipe_paths, resolve
from cladeflow.recipes.model import Recipe
from cladeflow.records import Agent, EvalReport, Scaffold
from cladeflow.runners import inline
from cladeflow.session import Session
from cladeflow.stage import build
from cladeflow.start import SEED_MODELS
from cladeflow.store import seed_ref
from cladeflow.strategy import find
from cladeflow.views import StageView, stage_views

SCALE = (
    "scale.tasks=16",
    "scale.samples=4",
    "scale.max_tokens=64",
    "scale.shard=16",
    "scale.training.token_batch=512",
    "scale.training.epochs=1",
    "promote=always",
)
SIZES = {"tasks": 8, "samples": 2, "k": 2}
"""What evaluations are cut down to, by the name of their option."""
PART = {
    "budget_scaling": "curves",
    "contamination_probe": "contamination",
    "critique_eval": "critique",
    "exploration_monitor": "exploration",
    "metric_induction": "induced",
    "safety_suite": "safety",
    "transfer_retention": "retention",
}
"""The part of a report that an evaluation writes; the rows where it is not named."""
IDLE = {("mathcritique", "refine"), ("spoc", "imitate")}
"""Rounds that work on what a critic objects to, and a critic after so little training, like the
seed model's judge, objects to nothing."""


def runs(recipe: Recipe) -> bool:
    return all(find(entry.slot, entry.name) for _, entry in recipe.entries())


RECIPES = {name: load_recipe(name) for name in recipe_paths()}
RUNNABLE = [name for name, recipe in RECIPES.items() if runs(recipe)]


def micro(recipe: Recipe) -> list[str]:
    """Settings that leave the method as it is and cut down how much of it is done."""
    settings = [f"rounds.{part.name}.repeat=1" for part in recipe.rounds if part.repeat > 1]
    for entry in recipe.evaluate:
        sizes = SIZES.keys() & entry.options.keys()
        settings += [f"evaluate.{entry.name}.{key}={SIZES[key]}" for key in sorted(sizes)]
    return [*SCALE, *settings]


def generation(name: str, home: Home) -> list[StageView]:
    """Run one generation; what each of its calls committed."""
    resolved = resolve(name, scale="tiny", settings=micro(RECIPES[name]))
    environments = [e for e in build(resolved.recipe.environments) if isinstance(e, Environment)]
    initial = Agent(
        weights={"actor": seed_ref(SEED_MODELS[environments[0].name])},
        scaffold=Scaffold(prompts={env.name: env.prompt_formats["seed"] for env in environments}),
    )
    home.create()
    with Archive.create(home.archive_url) as archive:
        archive.start_evolution(resolved, 0, initial)
    with Session(home) as session:
        inline.run(session, 1)
        return stage_views(session, 1)


def values(stage: StageView, metric: str) -> list[float]:
    return [e["value"] for e in stage.metrics.to_json() if e["name"] == metric]


def of(stages: Iterable[StageView], name: str) -> list[StageView]:
    return [stage for stage in stages if stage.call.stage == name]


def test_the_control_is_among_them() -> None:
    assert {"default", "star"} <= set(RUNNABLE)


@pytest.mark.parametrize("name", RUNNABLE)
def test_a_generation_of_the_recipe(name: str, tmp_path: Path) -> None:
    home = Home(tmp_path)
    began = perf_counter()
    stages = generation(name, home)
    print(f"{name}: {perf_counter() - began:.1f} s")  # shown with -rP

    recipe = resolve(name, scale="tiny", settings=micro(RECIPES[name])).recipe
    assert [stage.call for stage in stages] == [node.call for node in unroll(recipe, 1)]
    busy = [stage for stage in stages if (name, stage.call.round) not in IDLE]
    for stage in of(busy, "rollout"):
        assert sum(values(stage, "cladeflow_generated_tokens_total")) > 0
    assert generating(stages) == {"actor", *critics(recipe)}
    for stage in of(busy, "verification"):
        assert sum(values(stage, "cladeflow_verdicts_total")) > 0
    check_updates(recipe, of(stages, "fine_tune"))
    check_report(recipe, home, of(stages, "evaluate"))


def generating(stages: list[StageView]) -> set[str]:
    """Roles whose tokens were counted."""
    metric = "cladeflow_generated_tokens_total"
    entries = (e for stage in stages for e in stage.metrics.to_json() if e["name"] == metric)
    return {entry["labels"]["role"] for entry in entries if entry["value"] > 0}


def critics(recipe: Recipe) -> set[str]:
    """Roles that the recipe asks for critiques."""
    entries = (entry for part in recipe.rounds for entry in part.critique)
    return {entry.options["role"] for entry in entries if entry.name == "llm_critique"}


def check_updates(recipe: Recipe, stages: list[StageView]) -> None:
    """Every update found something to learn from, learned, and changed the role's weights."""
    for stage in stages:
        if (recipe.name, stage.call.round) in IDLE and not stage.commit.models:
            continue
        part = next(r for r in recipe.rounds if r.name == stage.call.round)
        update = part.fine_tune[stage.call.update or 0]
        if update.build is None:
            continue
        assert sum(values(stage, "cladeflow_examples_total")) > 0, stage.call
        assert stage.commit.values["steps"] > 0, stage.call
        assert update.role in stage.commit.models
        for metric in ("cladeflow_loss_first_nats", "cladeflow_loss_last_nats"):
            losses = values(stage, metric)
            assert losses and all(map(isfinite, losses)), stage.call
    weights = [ref for stage in stages for ref in stage.commit.models.values()]
    assert len(set(weights)) == len(weights)


def check_report(recipe: Recipe, home: Home, stages: list[StageView]) -> None:
    """The child is a new agent, and every evaluation of the recipe has its part of the report."""
    with Session(home) as session:
        for stage in stages:
            report = next(session.read(stage.commit.sets["reports"], EvalReport))
            assert report.identical is not any(part.fine_tune for part in recipe.rounds)
            for entry in recipe.evaluate:
                assert getattr(report, PART.get(entry.name, "rows")), entry.name
