"""The grammar holds the whole field: every shipped recipe loads, fits, unrolls and has a schema."""

import json
from importlib.resources import files

import jsonschema
import pytest
import yaml

from cladeflow.errors import RecipeError
from cladeflow.graph import unroll
from cladeflow.recipes import load_recipe, recipe_path, recipe_paths, resolve
from cladeflow.recipes.parse import catalogue
from cladeflow.recipes.schema import recipe_schema
from cladeflow.strategy import ROOMS, find, names

BUILT = [
    name
    for name in recipe_paths()
    if all(find(e.slot, e.name) for _, e in load_recipe(name).entries())
]


def is_shipped(slot: str, name: str) -> bool:
    """Other tests register strategies of their own."""
    kind = find(slot, name)
    return kind is not None and kind.__module__.startswith("cladeflow.")


@pytest.mark.parametrize("name", recipe_paths())
def test_every_shipped_recipe_loads_and_unrolls(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert unroll(recipe, 1)[-1].call.stage == "promote"


def test_all_tier_one_methods_ship() -> None:
    assert len([p for p in recipe_paths().values() if p.parent.name == "published"]) == 92
    assert {"default", "star"} <= set(BUILT)


@pytest.mark.parametrize("name", sorted(set(recipe_paths()) - set(BUILT)))
def test_a_recipe_with_parts_that_are_not_built_says_so_when_run(name: str) -> None:
    with pytest.raises(RecipeError, match="not built in this version"):
        resolve(name, scale="tiny")


def test_every_built_strategy_is_in_the_catalogue() -> None:
    for slot in ROOMS:
        shipped = {name for name in names(slot) if is_shipped(slot, name)}
        assert shipped <= set(catalogue()[slot]), slot


def test_the_schema_in_the_package_is_the_one_that_the_strategies_give() -> None:
    shipped = (files("cladeflow.recipes") / "recipe.schema.json").read_text()
    assert json.loads(shipped) == json.loads(json.dumps(recipe_schema())), (
        "run: cladeflow recipes schema > src/cladeflow/recipes/recipe.schema.json"
    )


@pytest.mark.parametrize("name", recipe_paths())
def test_the_schema_accepts_every_shipped_recipe(name: str) -> None:
    jsonschema.validate(yaml.safe_load(recipe_path(name).read_text()), recipe_schema())
