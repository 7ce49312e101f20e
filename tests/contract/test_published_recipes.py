"""The published recipes and the catalogue as files: what can be checked without the loader."""

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SHELF = Path(str(files("cladeflow.recipes")))
PATHS = {path.stem: path for path in sorted((SHELF / "published").glob("*.yaml"))}
RECIPES: dict[str, dict[str, Any]] = {
    name: yaml.safe_load(path.read_text()) for name, path in PATHS.items()
}
CATALOGUE: dict[str, dict[str, str]] = yaml.safe_load((SHELF / "catalogue.yaml").read_text())

METHODS = set(
    re.findall(
        r"\w+",
        """
    agentevol b_star self sharpening knowrl tt_si re_rest regenesis self_align limi imitate_explore
    r3 smart_meta rlsp satori t1 four_habits spear critique_coder nft thinktuning coderl
    open_agentrl ssr_zero rise_verify
    spo spar sppo preflexor dno anyprefer srpo self_reference pit temporal_self_rewarding
    score ids rise_introspection spoc evolve
    mathcritique self_rationalization spc multicritique refcritic deepcritic critique_rl spct
    reranker_selftrain
    alphallm mc_nest swe_search rest_mcts r_mcts mcts_dpo se_agent sra_mcts
    agent_r retroformer imagined_dialogue webrl agent_q synatra webevolver step_masking
    tool_star asktoact mua_rl toolrl thor smart_tool deepagent otc tp_llama
    mad negotiation_icl spiral selforg comas
    ltm_omne memtool muse
    lma3 autolibra omni omni_epic
    dgm hgm
    scheming rl_contamination deceptive_judge a_memguard
    """,
    )
)
SLOTS = {
    "environments": ("environment",),
    "task_synthesis": ("generator", "selector"),
    "rollout": ("rollout",),
    "critique": ("critique",),
    "verification": ("verification",),
    "evaluate": ("evaluate",),
    "promote": ("promote",),
    "selection": ("selection",),
    "memory": ("memory",),
    "control": ("control",),
}
ROUND_SLOTS = ("task_synthesis", "rollout", "critique", "verification")
TOP_KEYS = {
    "name",
    "paper",
    "summary",
    "variant",
    "variants",
    "roles",
    "fine_tune",
    "rounds",
    *SLOTS,
}
ALWAYS = {"name", "paper", "summary", "environments", "roles", "evaluate", "promote"}
UNREACHED = {
    "best",
    "best_of_n",
    "canary_ab",
    "fixed",
    "latest",
    "log_mining",
    "pareto_gate",
    "pre_action_gate",
    "random",
    "recheck",
    "shuffled",
    "task_file",
    "transfer_gp",
    "uniform",
}
"""Defaults, controls, and what only variations of the published methods use."""

Entry = tuple[str, str, dict[str, Any]]


def as_list(raw: Any) -> list[Any]:
    if raw is None or raw == "none":
        return []
    return raw if isinstance(raw, list) else [raw]


def split(raw: Any) -> tuple[str, dict[str, Any]]:
    if isinstance(raw, str):
        return raw, {}
    assert isinstance(raw, dict) and len(raw) == 1, f"{raw!r} is not 'name' or '{{name: options}}'"
    ((name, options),) = raw.items()
    assert isinstance(options, dict) and options, f"{name}: options are a mapping that is not empty"
    return name, options


def parts(recipe: dict[str, Any]) -> list[dict[str, Any]]:
    """The places that hold slots: the top level and every round."""
    return [recipe, *recipe.get("rounds", [])]


def updates(recipe: dict[str, Any]) -> list[dict[str, Any]]:
    return [update for part in parts(recipe) for update in as_list(part.get("fine_tune"))]


def entries(recipe: dict[str, Any]) -> Iterator[Entry]:
    """Slot, name and options of every entry; a name in a slot it is unknown to fails here."""
    for part in parts(recipe):
        for key, kinds in SLOTS.items():
            for raw in as_list(part.get(key)):
                name, options = split(raw)
                kind = next((k for k in kinds if name in CATALOGUE[k]), None)
                assert kind, f"{key}: {name!r} is not in the catalogue"
                yield kind, name, options
    for update in updates(recipe):
        for key, kind in (("build", "builder"), ("objective", "objective"), ("update", "update")):
            if key in update:
                name, options = split(update[key])
                assert name in CATALOGUE[kind], f"{key}: {name!r} is not in the catalogue"
                yield kind, name, options


def test_one_recipe_per_method() -> None:
    assert set(PATHS) == METHODS
    assert len(METHODS) == 92


@pytest.mark.parametrize("name", PATHS)
def test_keys(name: str) -> None:
    recipe = RECIPES[name]
    assert recipe["name"] == name
    assert recipe.keys() <= TOP_KEYS
    assert recipe.keys() >= ALWAYS
    assert "fine_tune" in recipe or all("fine_tune" in part for part in recipe["rounds"])


@pytest.mark.parametrize("name", PATHS)
def test_every_name_is_in_the_catalogue_for_its_slot(name: str) -> None:
    kinds = [kind for kind, _, _ in entries(RECIPES[name])]
    assert "environment" in kinds
    assert kinds.count("selection") <= 1
    assert kinds.count("control") <= 1


@pytest.mark.parametrize("name", PATHS)
def test_updates_train_a_bound_role(name: str) -> None:
    for update in updates(RECIPES[name]):
        assert update.keys() in (
            {"build", "objective", "role", "init"},
            {"update", "role", "init"},
        )
        assert update["role"] in RECIPES[name]["roles"]
        assert update["init"] in ("parent", "current", "initial")


@pytest.mark.parametrize("name", PATHS)
def test_roles_in_options_are_bound(name: str) -> None:
    recipe = RECIPES[name]
    for _, strategy, options in entries(recipe):
        named = [options[key] for key in ("role", "judge", "meta", "scorer") if key in options]
        named += options.get("players", []) + options.get("agents", [])
        assert set(named) <= recipe["roles"].keys(), strategy


@pytest.mark.parametrize("name", PATHS)
def test_every_bound_role_is_used(name: str) -> None:
    """A role that nothing trains or asks for is a leftover."""
    recipe = RECIPES[name]
    text = PATHS[name].read_text().partition("\nroles:")[2]
    for role in recipe["roles"].keys() - {"actor"}:
        assert len(re.findall(rf"\b{role}\b", text)) >= 2, role


@pytest.mark.parametrize("name", [name for name in PATHS if RECIPES[name].get("rounds")])
def test_rounds(name: str) -> None:
    earlier: list[str] = []
    for part in RECIPES[name]["rounds"]:
        assert part.keys() <= {"name", "repeat", "inputs", "fine_tune", *ROUND_SLOTS}
        assert part["name"] not in earlier
        assert part.get("inputs", "last") in ("last", "all", *earlier)
        earlier.append(part["name"])


@pytest.mark.parametrize("name", [n for n in PATHS if len(RECIPES[n].get("rounds", [])) > 1])
def test_an_actor_that_is_trained_in_rounds_is_bound_to_its_newest_weights(name: str) -> None:
    assert RECIPES[name]["roles"]["actor"] == "current"


@pytest.mark.parametrize("name", PATHS)
def test_paper(name: str) -> None:
    paper = RECIPES[name]["paper"]
    assert paper.keys() == {"title", "arxiv"}
    assert not re.search(r"…|\.\.\.$", paper["title"])
    assert re.fullmatch(r"\d{4}\.\d{5}", paper["arxiv"])
    assert re.fullmatch(r"[A-Z].*\.\n?", RECIPES[name]["summary"])


def test_no_paper_is_there_twice() -> None:
    for key in ("title", "arxiv"):
        assert len({recipe["paper"][key] for recipe in RECIPES.values()}) == len(RECIPES)


def test_catalogue_is_one_line_definitions() -> None:
    for slot, known in CATALOGUE.items():
        for name, definition in known.items():
            assert re.fullmatch(r"[a-z][a-z0-9_]*", name), f"{slot}: {name}"
            assert isinstance(definition, str) and definition.strip(), f"{slot}: {name}"
            assert "\n" not in definition, f"{slot}: {name}"


def test_recipes_reach_the_whole_catalogue() -> None:
    """What no recipe uses is a default, a control or a part of variations; nothing is forgotten."""
    used = {name for recipe in RECIPES.values() for _, name, _ in entries(recipe)}
    known = {name for names in CATALOGUE.values() for name in names}
    assert known - used == UNREACHED


def test_index_of_methods_lists_every_recipe() -> None:
    index = (ROOT / "docs" / "methods.md").read_text()
    for name, recipe in RECIPES.items():
        row = next(line for line in index.splitlines() if f"/published/{name}.yaml)" in line)
        assert recipe["paper"]["title"] in row
        assert recipe["summary"].strip() in row


def test_examples_of_the_grammar_are_the_shipped_files() -> None:
    text = (ROOT / "docs" / "recipes-grammar.md").read_text()
    examples = re.findall(r"```yaml\n(name: (\w+)\n.*?)```", text, flags=re.DOTALL)
    assert len(examples) == 5
    for content, name in examples:
        assert content == PATHS[name].read_text(), name
