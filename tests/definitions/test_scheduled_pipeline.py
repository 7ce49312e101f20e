"""A schedule's pipeline: the plan decides, and everything after it is behind that decision."""

import json
from typing import Any

import pytest
import yaml

from cladeflow.kubeflow.profile import example, parse_profile
from cladeflow.kubeflow.tasks import tasks
from cladeflow.recipes import resolve
from tests.kfp_extra import require_kfp

require_kfp()

from cladeflow.kubeflow.compiling import compiled, recipe_pipeline  # noqa: E402

ORDER = {"name": "nightly", "budget": {"runs": 3}, "stop": {}, "api": None}
PROFILE = parse_profile(example(), "p.yaml")


@pytest.mark.parametrize("generations", [1, 2])
def test_nothing_but_the_plan_begins_before_it_has_decided(generations: int) -> None:
    recipe = resolve("default", scale="tiny").recipe
    text = compiled(recipe_pipeline(recipe, PROFILE, generations, schedule=ORDER))
    spec, _ = yaml.safe_load_all(text)

    def inside(task: dict[str, Any]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = spec["components"][task["componentRef"]["name"]]["dag"]
        return found["tasks"]

    root = spec["root"]["dag"]["tasks"]
    body = inside(root["exit-handler-1"])
    plan, condition = body["plan-op"], body["condition-2"]
    assert set(body) == {"plan-op", "condition-2"}
    call = plan["inputs"]["parameters"]["call"]["runtimeValue"]["constant"]
    assert json.loads("{" + call.partition(", ")[2])["schedule"] == ORDER
    assert condition["triggerPolicy"]["condition"].endswith("!= '0'")
    assert condition["dependentTasks"] == ["plan-op"]
    named = {task["taskInfo"]["name"] for task in inside(condition).values()}
    wanted = {task.name for task in tasks(recipe, PROFILE, generations)} - {"1/plan"}
    assert wanted <= named
