"""Components and pipelines are definitions: short, light, described, and generated from."""

import ast
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPONENTS = sorted(path.parent for path in ROOT.glob("components/*/component.py"))
PIPELINES = sorted(ROOT.glob("pipelines/*/pipeline.py"))
STAGES = {"plan", "task_synthesis", "rollout", "critique", "verification", "fine_tune", "evaluate"}


def tops(path: Path) -> set[str]:
    """Top-level names that a module imports when it is imported."""
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
    return found


def test_every_stage_has_its_component() -> None:
    assert {path.name for path in COMPONENTS} >= {*STAGES, "promote"}


@pytest.mark.parametrize("directory", COMPONENTS, ids=lambda path: path.name)
def test_a_component_is_short_and_imports_nothing_at_its_top(directory: Path) -> None:
    path = directory / "component.py"
    assert len(path.read_text().splitlines()) <= 40
    assert tops(path) <= {*sys.stdlib_module_names, "kfp"} - {"__future__"}


@pytest.mark.parametrize("directory", COMPONENTS, ids=lambda path: path.name)
def test_a_component_takes_home_and_call_and_installs_nothing(directory: Path) -> None:
    (function,) = (
        node
        for node in ast.parse((directory / "component.py").read_text()).body
        if isinstance(node, ast.FunctionDef)
    )
    assert function.name == f"{directory.name}_op"
    assert [argument.arg for argument in function.args.args][:2] == ["home", "call"]
    (decorator,) = function.decorator_list
    assert isinstance(decorator, ast.Call)
    given = {keyword.arg: ast.literal_eval(keyword.value) for keyword in decorator.keywords}
    assert given.pop("install_kfp_package") is False
    assert set(given) == {"base_image"}


@pytest.mark.parametrize("directory", COMPONENTS, ids=lambda path: path.name)
def test_metadata_says_what_it_is(directory: Path) -> None:
    metadata = yaml.safe_load((directory / "metadata.yaml").read_text())
    assert metadata["name"] == directory.name
    assert metadata["stability"] in ("alpha", "beta", "stable")
    assert metadata["dependencies"]["kubeflow"] and metadata["tags"] and metadata["lastVerified"]


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.parent.name)
def test_a_pipeline_holds_no_logic(path: Path) -> None:
    statements = {type(node) for node in ast.walk(ast.parse(path.read_text()))}
    assert not statements & {ast.If, ast.For, ast.While, ast.Try, ast.ListComp, ast.DictComp}
    assert tops(path) <= {*sys.stdlib_module_names, "kfp", "components", "cladeflow"}
