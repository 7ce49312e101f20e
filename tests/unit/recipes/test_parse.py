"""Strict loading: every complaint names the place and the nearest valid name."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from cladeflow.errors import RecipeError
from cladeflow.recipes import load_recipe, load_scale, resolve, scale_for
from cladeflow.recipes.parse import load_yaml, parse_recipe

PLAIN: dict[str, Any] = {"name": "mine", "environments": ["reasoning"]}
UPDATE = {"build": "positives", "objective": "sft"}


def parse(**changes: Any) -> Any:
    return parse_recipe({**PLAIN, **changes}, "mine.yaml")


def test_defaults_are_spelled_out_with_every_option() -> None:
    recipe = parse()
    [main] = recipe.rounds
    [sample] = main.rollout
    assert (main.name, main.repeat, main.inputs) == ("main", 1, "last")
    assert sample.name == "sample" and "temperature" in sample.options
    assert main.critique == main.fine_tune == ()
    assert recipe.selection.name == "latest" and recipe.control.name == "fixed"


def test_a_round_inherits_what_it_does_not_say_and_skips_what_is_none() -> None:
    rounds = [{"name": "a", "rollout": {"sample": {"n": 3}}}, {"fine_tune": "none"}]
    first, second = parse(fine_tune=UPDATE, rounds=rounds).rounds
    assert first.rollout[0].options["n"] == 3
    assert len(first.fine_tune) == 1 and second.fine_tune == ()
    assert second.name == "round2"


def test_a_shuffled_verifier_holds_the_entry_that_it_wraps() -> None:
    entry = {"shuffled": {"of": {"verifiable_reward": {"steps": True}}}}
    [found] = parse(verification=entry).rounds[0].verification
    assert found.build().identity()["of"]["steps"] is True


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rolout": "sample"}, r"mine.yaml: unknown key 'rolout'; did you mean 'rollout'"),
        (
            {"rollout": "sampel"},
            r"rounds.main.rollout: unknown strategy 'sampel'; did you .*'sample'",
        ),
        ({"rollout": {"sample": {"m": 1}}}, r"rollout.sample: unknown key 'm'"),
        ({"rollout": {"sample": {"n": 0}}}, r"rollout.sample: n: .*greater than"),
        ({"rollout": {"a": {}, "b": {}}}, r"an entry is 'name' or"),
        ({"environments": ["reason"]}, r"environments: unknown strategy 'reason'.*'reasoning'"),
        ({"roles": {"actor": "parrent"}}, r"roles.actor: unknown binding 'parrent'.*'parent'"),
        ({"fine_tune": {"build": "positives"}}, r"give build and objective together"),
        ({"fine_tune": {**UPDATE, "rle": "actor"}}, r"fine_tune\[0\]: unknown key 'rle'"),
        ({"fine_tune": {**UPDATE, "init": "first"}}, r"fine_tune\[0\]: init"),
        ({"rounds": [{"inputs": "later"}]}, r"'later' is no earlier round"),
        ({"rounds": [{"name": "a"}, {"name": "a"}]}, r"rounds.a: a round of that name"),
        ({"rounds": [{"repeat": 0}]}, r"repeat: 0 is not a positive"),
        ({"paper": {"titel": "x"}}, r"paper: title"),
        ({"name": ""}, r"name is missing"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        parse(**changes)


def test_yaml_that_is_malformed_or_says_a_key_twice_names_the_line() -> None:
    with pytest.raises(RecipeError, match=r"x.yaml line 2"):
        load_yaml("a: 1\nb: [", "x.yaml")
    with pytest.raises(RecipeError, match=r"'a' is given twice"):
        load_yaml("a: 1\na: 2\n", "x.yaml")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fine_tune": {**UPDATE, "role": "critic"}}, r"role 'critic' is not bound"),
        ({"fine_tune": UPDATE, "rollout": "none"}, r"nothing to learn from"),
        ({"critique": "llm_critique"}, r"needs 'role:critic'"),
        (
            {"verification": "majority_vote", "rollout": {"sample": {"n": 1}}},
            r"'majority_vote' needs 'group'.*options of sample would",
        ),
    ],
)
def test_parts_that_do_not_fit_are_refused_with_the_reason(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({**PLAIN, **changes}))
    with pytest.raises(RecipeError, match=message):
        load_recipe(str(path))


def test_unknown_recipes_and_scales_name_the_nearest() -> None:
    with pytest.raises(RecipeError, match=r"unknown recipe 'stra'; did you mean 'star'"):
        load_recipe("stra")
    with pytest.raises(RecipeError, match=r"unknown scale 'tini'; did you mean 'tiny'"):
        load_scale("tini")
    with pytest.raises(RecipeError, match=r"cannot be read as a recipe"):
        load_recipe("missing/file.yaml")


def test_the_scale_follows_the_number_of_parameters() -> None:
    assert [scale_for(n) for n in (10**6, 10**9, 7 * 10**10)] == ["tiny", "small", "large"]


def test_settings_reach_recipe_and_scale_and_change_the_hash() -> None:
    plain = resolve("star", scale="tiny")
    changed = resolve("star", scale="tiny", settings=["rollout.sample.n=8", "scale.tasks=7"])
    assert changed.recipe.rounds[0].rollout[0].options["n"] == 8
    assert changed.scale.tasks == 7
    assert plain.hash != changed.hash
    assert plain.hash == resolve("star", scale="tiny").hash


def test_tasks_replace_the_environments() -> None:
    resolved = resolve("star", scale="tiny", environments=["toolbox"])
    assert [entry.name for entry in resolved.recipe.environments] == ["toolbox"]
