"""--set: any key of a recipe or scale by path."""

from typing import Any

import pytest

from cladeflow.errors import RecipeError
from cladeflow.recipes import load_recipe
from cladeflow.recipes.overrides import apply, choose_variant

RAW: dict[str, Any] = {
    "rollout": "sample",
    "verification": {"verifiable_reward": {"steps": False}},
    "evaluate": ["benchmark_suite", {"exploration_monitor": {"k": 4}}],
    "rounds": [{"name": "a", "repeat": 2}, {"name": "b"}],
}


@pytest.mark.parametrize(
    ("setting", "path", "expected"),
    [
        ("rollout.sample.n=8", ["rollout"], {"sample": {"n": 8}}),
        ("rollout=self_refine", ["rollout"], "self_refine"),
        (
            "verification.verifiable_reward.steps=true",
            ["verification"],
            {"verifiable_reward": {"steps": True}},
        ),
        ("evaluate.benchmark_suite.k=2", ["evaluate", 0], {"benchmark_suite": {"k": 2}}),
        ("evaluate.exploration_monitor.k=2", ["evaluate", 1], {"exploration_monitor": {"k": 2}}),
        ("rounds.b.repeat=3", ["rounds", 1], {"name": "b", "repeat": 3}),
        ("rounds.0.repeat=5", ["rounds", 0], {"name": "a", "repeat": 5}),
        ("selection=clade_thompson", ["selection"], "clade_thompson"),
    ],
)
def test_a_path_reaches_any_key(setting: str, path: list[Any], expected: object) -> None:
    changed: Any = apply(RAW, [setting])
    for part in path:
        changed = changed[part]
    assert changed == expected


def test_the_original_is_left_alone() -> None:
    before = repr(RAW)
    apply(RAW, ["rollout.sample.n=8", "evaluate.benchmark_suite.k=2"])
    assert repr(RAW) == before


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("rollout", "write path=value"),
        ("rollout.sampel.n=8", "no 'sampel'.*did you mean 'sample'"),
        ("evaluate.benchmark.k=2", "did you mean 'benchmark_suite'"),
        ("rounds.c.repeat=1", "no 'c' in the list"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(setting: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        apply(RAW, [setting])


VARIED: dict[str, Any] = {
    **RAW,
    "variant": "paper",
    "variants": {"paper": {}, "released": {"rounds.a.repeat": 5, "rollout.sample.n": 3}},
}


def test_a_variant_changes_its_keys_and_settings_come_after() -> None:
    paper = choose_variant(VARIED, [], "r.yaml")
    assert paper == {**RAW, "variant": "paper"}
    asked = ["rollout.sample.n=4", "variant=released"]
    released = choose_variant(VARIED, asked, "r.yaml")
    assert (released["variant"], released["rounds"][0]["repeat"]) == ("released", 5)
    assert released["rollout"] == {"sample": {"n": 3}}
    assert apply(released, asked)["rollout"] == {"sample": {"n": 4}}
    assert VARIED["rounds"] == RAW["rounds"]


def test_a_recipe_without_variants_is_only_described_by_one() -> None:
    raw = {**RAW, "variant": "answer check alone"}
    assert choose_variant(raw, ["scale.tasks=9"], "r.yaml") is raw


@pytest.mark.parametrize(
    ("changes", "settings", "message"),
    [
        ({}, ["variant=relased"], "variant 'relased' is not there; did you mean 'released'"),
        ({"variant": None}, [], "variant None is not there"),
        ({"variants": ["paper"]}, [], "variants is a mapping"),
        (
            {"variants": {"paper": {"rounds.c.repeat": 1}}},
            [],
            r"variants.paper: rounds.c.repeat: there is no 'c' in the list",
        ),
    ],
)
def test_a_wrong_variant_is_named(
    changes: dict[str, Any], settings: list[str], message: str
) -> None:
    with pytest.raises(RecipeError, match=message):
        choose_variant({**VARIED, **changes}, settings, "r.yaml")


def test_both_forms_of_agentevol_load() -> None:
    kept = {
        variant: load_recipe("agentevol", [f"variant={variant}"]).rounds[1].fine_tune[0].build
        for variant in ("paper", "released")
    }
    assert kept["paper"] and kept["paper"].options["weighted"] is True
    released = kept["released"]
    assert released and (released.options["best_k"], released.options["weighted"]) == (1, False)


def test_a_recipe_without_variants_has_none_to_choose() -> None:
    with pytest.raises(RecipeError, match="no variants"):
        choose_variant({"name": "r", "variant": "paper"}, ["variant=released"], "r.yaml")
