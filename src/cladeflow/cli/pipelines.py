"""Which pipeline 'compile' and 'submit' are about: a recipe's generations, or a rollback."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from cladeflow.cli.evolve import asked_population
from cladeflow.errors import CladeflowError

if TYPE_CHECKING:
    from cladeflow.kubeflow.profile import Profile

_ROLLBACK = "rollback"
_OF_ROLLBACKS = ("to", "reason")
_OF_RECIPES = (
    *("recipe", "generations", "generation", "children", "parents"),
    *("model", "seed", "scale", "settings"),
)
_OPTIONS = (
    click.argument("recipe", default="default"),
    click.option(
        "--pipeline",
        type=click.Choice(["recipe", _ROLLBACK]),
        default="recipe",
        show_default=True,
        help="RECIPE's generations, or a rollback, which needs no recipe.",
    ),
    click.option(
        "--generations", default=1, show_default=True, help="In a row, in one run: 1 to 10."
    ),
    click.option(
        "--children", type=click.IntRange(1), help="Per generation, side by side.  [default: 1]"
    ),
    click.option(
        "--parents",
        type=click.IntRange(1),
        help="Draws of a parent per generation.  [default: one per child]",
    ),
    click.option("--model", type=click.Path(path_type=Path), help="A directory on the volume."),
    click.option("--seed", type=int, help="Root seed of every random generator.  [default: 0]"),
    click.option("--scale", help="tiny, small, large or a file.  [default: by the model's size]"),
    click.option(
        "--set", "settings", multiple=True, metavar="PATH=VALUE", help="Any resolved key."
    ),
)


def pipeline_options(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take what `pipeline_text` is asked for."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def pipeline_text(profile: "Profile", asked: Mapping[str, Any]) -> str:
    """The YAML of what `pipeline_options` ask for; raises for all that is wrong with it."""
    from cladeflow.kubeflow.compiling import (
        compiled,
        founding,
        recipe_pipeline,
        rollback_pipeline,
    )
    from cladeflow.plan.model import Population
    from cladeflow.start import Wish

    _require_meant(asked["pipeline"])
    if asked["pipeline"] == _ROLLBACK:
        return compiled(rollback_pipeline(profile))
    wish = Wish(
        recipe=asked["recipe"],
        model=asked["model"],
        seed=asked["seed"],
        scale=asked["scale"],
        settings=asked["settings"],
    )
    population = asked_population(asked["parents"], asked["children"]) or Population()
    begun = founding(wish)
    recipe, generations = begun.resolved.recipe, asked["generations"]
    return compiled(recipe_pipeline(recipe, profile, generations, begun, population=population))


def what(asked: Mapping[str, Any]) -> str:
    """The pipeline in words."""
    count = asked["generations"]
    generations = f"{count} generation{'s' * (count > 1)} of {asked['recipe']}"
    return "a rollback" if asked["pipeline"] == _ROLLBACK else generations


def _require_meant(pipeline: str) -> None:
    """Raise `CladeflowError` for what the command line says that is about another pipeline."""
    foreign = _OF_RECIPES if pipeline == _ROLLBACK else _OF_ROLLBACKS
    context = click.get_current_context()
    for parameter in context.command.params:
        name = parameter.name or ""
        given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if given and name in foreign:
            hint = parameter.get_error_hint(context)
            raise CladeflowError(f"{hint} says nothing to --pipeline {pipeline}: leave it out")
