"""Recipes and scales by name or path, and the one function that resolves a run's composition."""

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cladeflow.errors import RecipeError
from cladeflow.recipes import overrides
from cladeflow.recipes.fit import check_fit
from cladeflow.recipes.model import Recipe, Resolved, Scale, Training
from cladeflow.recipes.parse import (
    catalogue,
    first_problem,
    load_yaml,
    nearest,
    parse_recipe,
    read_source,
    refuse_unknown,
)

_SHELF = files("cladeflow.recipes")


def recipe_paths() -> dict[str, Path]:
    """File of every shipped recipe by name."""
    shelves = (Path(str(_SHELF / "own")), Path(str(_SHELF / "published")))
    return {path.stem: path for shelf in shelves for path in sorted(shelf.glob("*.yaml"))}


def scale_paths() -> dict[str, Path]:
    """File of every shipped scale by name."""
    return {path.stem: path for path in sorted(Path(str(_SHELF / "scales")).glob("*.yaml"))}


def recipe_path(name: str) -> Path:
    """Where the recipe called ``name`` (or the file of that path) is."""
    shipped = recipe_paths()
    if name in shipped:
        return shipped[name]
    path = Path(name)
    if path.suffix in (".yaml", ".yml") or "/" in name:
        return path
    raise RecipeError(f"unknown recipe {name!r}{_near_recipe(name, shipped)}")


def _near_recipe(name: str, shipped: dict[str, Path]) -> str:
    hint = nearest(name, shipped)
    return hint if hint.startswith("; did") else "; 'cladeflow recipes list' names them all"


def load_recipe(name: str, settings: Sequence[str] = ()) -> Recipe:
    """Read, check and complete a recipe; ``settings`` are ``path=value`` overrides."""
    path = recipe_path(name)
    raw = load_yaml(read_source(path), path.name)
    if isinstance(raw, dict):
        raw = overrides.choose_variant(raw, settings, path.name)
        raw = overrides.apply(raw, settings)
    recipe = parse_recipe(raw, path.name)
    check_fit(recipe, path.name)
    return recipe


def load_scale(name: str, settings: Sequence[str] = ()) -> Scale:
    """Read a scale by name or path."""
    shipped = scale_paths()
    path = shipped.get(name, Path(name))
    if name not in shipped and path.suffix not in (".yaml", ".yml"):
        raise RecipeError(f"unknown scale {name!r}{nearest(name, shipped)}")
    raw: Any = load_yaml(read_source(path), path.name)
    if not isinstance(raw, dict):
        raise RecipeError(f"{path.name}: a scale is a mapping of keys such as tasks and training")
    raw = overrides.apply(raw, settings)
    refuse_unknown(raw, tuple(Scale.model_fields), path.name)
    if isinstance(training := raw.get("training"), dict):
        refuse_unknown(training, tuple(Training.model_fields), f"{path.name}: training")
    try:
        scale = Scale.model_validate({"name": path.stem, **raw})
    except ValidationError as error:
        raise RecipeError(f"{path.name}: {first_problem(error)}") from error
    for objective in scale.objectives:
        _check_changes(scale, objective, f"{path.name}: objectives")
    return scale


def _check_changes(scale: Scale, objective: str, place: str) -> None:
    """Raise `RecipeError` where a scale's changes for an objective are none that training has."""
    refuse_unknown({objective: None}, tuple(catalogue()["objective"]), place)
    place = f"{place}.{objective}"
    refuse_unknown(scale.objectives[objective], tuple(Training.model_fields), place)
    try:
        scale.training_for(objective)
    except ValidationError as error:
        raise RecipeError(f"{place}: {first_problem(error)}") from error


def scale_for(parameters: int) -> str:
    """The smallest shipped scale that is meant for so many parameters."""
    scales = sorted((load_scale(name) for name in scale_paths()), key=lambda s: s.parameters)
    return next((s.name for s in scales if parameters <= s.parameters), scales[-1].name)


def resolve(
    name: str, *, scale: str, settings: Sequence[str] = (), environments: Sequence[Any] = ()
) -> Resolved:
    """A recipe at a scale with ``--set`` and ``--tasks`` applied, ready to be planned.

    ``environments`` are entries as a recipe has them.

    Raises `RecipeError` where it does not load, does not fit, or names what is not built.
    """
    of_scale = [s.removeprefix("scale.") for s in settings if s.startswith("scale.")]
    of_recipe = [s for s in settings if not s.startswith("scale.")]
    if environments:
        of_recipe.append(f"environments={json.dumps(list(environments))}")
    resolved = Resolved(recipe=load_recipe(name, of_recipe), scale=load_scale(scale, of_scale))
    resolved.build()
    return resolved
