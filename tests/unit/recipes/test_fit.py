"""Strategies that would run and learn nothing are refused when a recipe is loaded."""

from typing import Any

import pytest

from cladeflow.errors import RecipeError
from cladeflow.recipes.fit import check_fit
from cladeflow.recipes.parse import parse_recipe


def check(**changes: Any) -> None:
    raw = {"name": "t", "environments": ["reasoning"], "promote": "always", **changes}
    check_fit(parse_recipe(raw, "t.yaml"), "t.yaml")


@pytest.mark.parametrize("chosen", ["uniform", "difficulty_band, learning_progress"])
def test_selectors_pose_no_tasks(chosen: str) -> None:
    slot = chosen.split(", ")
    reason = rf"rounds.main.task_synthesis: no generator .*{chosen}.*\[seed_tasks, {chosen}\]"
    with pytest.raises(RecipeError, match=reason):
        check(task_synthesis=slot)
    check(task_synthesis=["seed_tasks", *slot])


@pytest.mark.parametrize("letter", "/:'")
def test_names_that_the_registry_does_not_take_are_refused(letter: str) -> None:
    name = f"mine{letter}2"
    with pytest.raises(RecipeError, match=rf"t.yaml: name: .* may not hold {letter}; write _"):
        check(name=name)
    with pytest.raises(RecipeError, match=rf"t.yaml: roles: .* may not hold {letter}; write _"):
        check(roles={"actor": "current", name: "parent"})
    check(name='Mine, the 2nd (ours) "a+b" ä\\%')
