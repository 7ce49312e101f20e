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
from cladeflow.recipes.model import Entry, Recipe, Resolved, Scale, Training
from cladeflow.recipes.parse import (
    catalogue,
    first_problem,
    load_yaml,
    nearest,
    parse_recipe,
    read_source,
    refuse_unknown,
)
from cladeflow.recipes.spelling import require_heard, spelled
from cladeflow.strategy import find

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


def load_recipe(recipe: str | Recipe, settings: Sequence[str] = ()) -> Recipe:
    """Read, check and complete a recipe; ``settings`` are ``path=value`` overrides.

    A recipe by its name or path, or one that was read before and is changed now.
    """
    if isinstance(recipe, Recipe):
        return _changed(recipe, settings)
    path = recipe_path(recipe)
    raw = load_yaml(read_source(path), path.name)
    if isinstance(raw, dict):
        raw = overrides.choose_variant(raw, settings, path.name)
        raw = overrides.apply(raw, settings)
    return _checked(raw, path.name)


def _changed(recipe: Recipe, settings: Sequence[str]) -> Recipe:
    raw, source = spelled(recipe), f"recipe {recipe.name}"
    settings = [s for s in settings if s != f"variant={recipe.variant}"]  # it is chosen already
    changed = overrides.apply(overrides.choose_variant(raw, settings, source), settings)
    require_heard(raw, changed, source)
    return _checked(changed, source)


def _checked(raw: Any, source: str) -> Recipe:
    recipe = parse_recipe(raw, source)
    check_fit(recipe, source)
    return recipe


def load_scale(scale: str | Scale, settings: Sequence[str] = ()) -> Scale:
    """Read a scale by name or path, or change one that was read before."""
    raw, source, name = _raw_scale(scale)
    if not isinstance(raw, dict):
        raise RecipeError(f"{source}: a scale is a mapping of keys such as tasks and training")
    raw = overrides.apply(raw, settings)
    refuse_unknown(raw, tuple(Scale.model_fields), source)
    if isinstance(training := raw.get("training"), dict):
        refuse_unknown(training, tuple(Training.model_fields), f"{source}: training")
    try:
        read = Scale.model_validate({"name": name, **raw})
    except ValidationError as error:
        raise RecipeError(f"{source}: {first_problem(error)}") from error
    for objective in read.objectives:
        _check_changes(read, objective, f"{source}: objectives")
    return read


def _raw_scale(scale: str | Scale) -> tuple[Any, str, str]:
    """Its mapping, where that is from, and its name."""
    if isinstance(scale, Scale):
        return scale.model_dump(mode="json"), f"scale {scale.name}", scale.name
    shipped = scale_paths()
    path = shipped.get(scale, Path(scale))
    if scale not in shipped and path.suffix not in (".yaml", ".yml"):
        raise RecipeError(f"unknown scale {scale!r}{nearest(scale, shipped)}")
    return load_yaml(read_source(path), path.name), path.name, path.stem


def _check_changes(scale: Scale, objective: str, place: str) -> None:
    """Raise `RecipeError` where a scale's changes for an objective are none that training has."""
    refuse_unknown({objective: None}, tuple(catalogue()["objective"]), place)
    place = f"{place}.{objective}"
    refuse_unknown(scale.objectives[objective], tuple(Training.model_fields), place)
    try:
        scale.training_for(objective)
    except ValidationError as error:
        raise RecipeError(f"{place}: {first_problem(error)}") from error


def stored(content: dict[str, Any], home: str) -> Resolved:
    """The composition that the evolution in ``home`` was started with, all of it built.

    Raises `RecipeError` where this version does not have what it asks for any more.
    """
    try:
        resolved = Resolved.model_validate(content)
        for place, entry in resolved.recipe.entries():
            _require_known(place, entry)
    except (ValidationError, RecipeError) as error:
        why = first_problem(error) if isinstance(error, ValidationError) else str(error)
        raise RecipeError(
            f"{home} was started by another version of Cladeflow, with a recipe that this one "
            f"cannot run: {why}. Go on with that version, or start anew with another --home"
        ) from error
    return resolved


def _require_known(place: str, entry: Entry) -> None:
    """Raise `RecipeError` where a strategy, or an option of it, is none of this version's."""
    place = f"{place}.{entry.name}"
    if (kind := find(entry.slot, entry.name)) is not None:
        refuse_unknown(entry.options, tuple(kind.model_fields), place)
    try:
        entry.build()
    except ValidationError as error:
        raise RecipeError(f"{place}: {first_problem(error)}") from error


def scale_for(parameters: int) -> str:
    """The smallest shipped scale that is meant for so many parameters."""
    scales = sorted((load_scale(name) for name in scale_paths()), key=lambda s: s.parameters)
    return next((s.name for s in scales if parameters <= s.parameters), scales[-1].name)


def composition(
    name: str | Recipe,
    *,
    scale: str | Scale,
    settings: Sequence[str] = (),
    environments: Sequence[Any] = (),
) -> Resolved:
    """A recipe at a scale with ``--set`` and ``--tasks`` applied, built in this version or not.

    ``environments`` are entries as a recipe has them.

    Raises `RecipeError` where it does not load or does not fit.
    """
    of_scale = [s.removeprefix("scale.") for s in settings if s.startswith("scale.")]
    of_recipe = [s for s in settings if not s.startswith("scale.")]
    if environments:
        of_recipe.append(f"environments={json.dumps(list(environments))}")
    return Resolved(recipe=load_recipe(name, of_recipe), scale=load_scale(scale, of_scale))


def resolve(
    name: str | Recipe,
    *,
    scale: str | Scale,
    settings: Sequence[str] = (),
    environments: Sequence[Any] = (),
) -> Resolved:
    """The `composition`, ready to be planned; raises also for names of what is not built."""
    resolved = composition(name, scale=scale, settings=settings, environments=environments)
    resolved.build()
    return resolved
