"""Which tasks a recipe makes on a cluster, and which recipes a profile cannot run."""

from typing import Any

import pytest

from cladeflow.errors import RecipeError
from cladeflow.kubeflow.profile import Profile, example, parse_profile
from cladeflow.kubeflow.tasks import tasks
from cladeflow.recipes.model import Recipe
from cladeflow.recipes.parse import parse_recipe

UPDATE = {"build": "positives", "objective": "sft"}
PROFILE = parse_profile(example(), "example.yaml")


def recipe(**fields: Any) -> Recipe:
    return parse_recipe({"name": "t", "environments": ["reasoning"], **fields}, "t.yaml")


def test_every_call_is_a_task_and_maps_are_shared() -> None:
    made = tasks(recipe(fine_tune=UPDATE), PROFILE)
    assert [(task.name, task.stage, task.shares) for task in made] == [
        ("1/plan", "plan", 1),
        ("1/0/main.0/task_synthesis", "task_synthesis", 1),
        ("1/0/main.0/rollout", "rollout", 4),
        ("1/0/main.0/verification", "verification", 1),
        ("1/0/main.0/fine_tune.0", "fine_tune", 1),
        ("1/0/evaluate", "evaluate", 4),
        ("1/promote", "promote", 1),
    ]
    assert made[-1].needs == ("1/plan", "1/0/evaluate")


def test_a_repeated_round_is_one_task_that_the_evaluation_waits_for() -> None:
    made = {t.name: t for t in tasks(recipe(rounds=[{"repeat": 3, "fine_tune": UPDATE}]), PROFILE)}
    (fused,) = (task for task in made.values() if task.stage == "fused_round")
    assert len(fused.calls) == 12 and fused.shares == 1
    assert fused.needs == ("1/plan",)
    assert fused.name in made["1/0/evaluate"].needs


def test_a_generation_is_planned_when_the_one_before_has_ended() -> None:
    made = {task.name: task for task in tasks(recipe(fine_tune=UPDATE), PROFILE, 3)}
    assert len(made) == 21
    assert made["2/plan"].needs == ("1/promote",)
    assert made["3/plan"].needs == ("2/promote",)


def test_children_share_plan_and_decision_and_nothing_else() -> None:
    made = {task.name: task for task in tasks(recipe(fine_tune=UPDATE), PROFILE, children=3)}
    assert len(made) == 2 + 3 * 5
    assert made["1/promote"].needs == ("1/plan", *(f"1/{child}/evaluate" for child in range(3)))
    for child in range(3):
        mine = [task for name, task in made.items() if name.startswith(f"1/{child}/")]
        assert all(n == "1/plan" or n.startswith(f"1/{child}/") for t in mine for n in t.needs)


@pytest.mark.parametrize("generations", [0, 11])
def test_a_pipeline_holds_ten_generations_at_most(generations: int) -> None:
    with pytest.raises(RecipeError, match="1 to 10"):
        tasks(recipe(), PROFILE, generations)


ROLES = {"actor": "current", "critic": "current"}


@pytest.mark.parametrize(
    ("fields", "stage", "role"),
    [
        ({"roles": ROLES}, "rollout", "critic"),
        ({"fine_tune": {**UPDATE, "role": "judge"}}, "fine_tune", "judge"),
        ({"roles": ROLES, "rounds": [{"repeat": 2, "fine_tune": UPDATE}]}, "fused_round", "critic"),
    ],
)
def test_a_role_that_no_gpu_holds_is_refused(fields: Any, stage: str, role: str) -> None:
    with pytest.raises(RecipeError, match=f"needs role {role} in {stage}") as refused:
        tasks(recipe(**fields), PROFILE)
    assert f"stages.{stage}.gpu.roles" in str(refused.value)


def test_a_role_behind_an_endpoint_and_a_cluster_without_gpus_need_none() -> None:
    endpoint = {"actor": "current", "critic": "endpoint:http://critic"}
    assert tasks(recipe(roles=endpoint), PROFILE)
    cpus = Profile.model_validate({**PROFILE.model_dump(), "stages": {}})
    assert tasks(recipe(roles=ROLES), cpus)
