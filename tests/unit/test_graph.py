"""Unrolling: which calls a recipe gives, and what each of them reads."""

from typing import Any

from cladeflow.graph import Node, StageCall, fused, unroll
from cladeflow.recipes.parse import parse_recipe


def nodes(recipe: dict[str, Any], children: int = 1) -> dict[str, Node]:
    parsed = parse_recipe({"name": "t", "environments": ["reasoning"], **recipe}, "t.yaml")
    return {str(node.call): node for node in unroll(parsed, 3, children)}


UPDATE = {"build": "positives", "objective": "sft"}


def names(calls: tuple[StageCall, ...]) -> list[str]:
    return [str(call) for call in calls]


def test_a_plain_recipe_is_one_round() -> None:
    graph = nodes({"fine_tune": UPDATE})
    assert list(graph) == [
        "3/plan",
        "3/0/main.0/task_synthesis",
        "3/0/main.0/rollout",
        "3/0/main.0/verification",
        "3/0/main.0/fine_tune.0",
        "3/0/evaluate",
        "3/promote",
    ]
    assert names(graph["3/0/main.0/fine_tune.0"].needs) == [
        "3/plan",
        "3/0/main.0/task_synthesis",
        "3/0/main.0/rollout",
        "3/0/main.0/verification",
    ]
    assert names(graph["3/promote"].needs) == ["3/plan", "3/0/evaluate"]


def test_no_rounds_means_evaluation_only() -> None:
    assert list(nodes({"rounds": []})) == ["3/plan", "3/0/evaluate", "3/promote"]


def test_a_repeated_round_rolls_out_with_the_weights_of_the_pass_before() -> None:
    graph = nodes({"rounds": [{"name": "rl", "repeat": 2, "fine_tune": UPDATE}]})
    assert "3/0/rl.0/fine_tune.0" in names(graph["3/0/rl.1/rollout"].needs)
    assert "3/0/rl.0/fine_tune.0" not in names(graph["3/0/rl.1/task_synthesis"].needs)


def test_inputs_say_which_earlier_sets_an_update_sees() -> None:
    rounds = [
        {"name": "a", "fine_tune": "none"},
        {"name": "b", "fine_tune": UPDATE, "inputs": "all"},
        {"name": "c", "fine_tune": UPDATE, "inputs": "a"},
        {"name": "d", "fine_tune": UPDATE},
    ]
    graph = nodes({"rounds": rounds})

    def rollouts(call: str) -> list[str]:
        return [name for name in names(graph[call].needs) if name.endswith("rollout")]

    assert rollouts("3/0/b.0/fine_tune.0") == ["3/0/a.0/rollout", "3/0/b.0/rollout"]
    assert rollouts("3/0/c.0/fine_tune.0") == ["3/0/a.0/rollout"]
    assert rollouts("3/0/d.0/fine_tune.0") == ["3/0/d.0/rollout"]


def test_children_share_the_plan_and_are_promoted_together() -> None:
    graph = nodes({"fine_tune": UPDATE}, children=2)
    assert names(graph["3/promote"].needs) == ["3/plan", "3/0/evaluate", "3/1/evaluate"]
    assert not any("3/0/" in name for name in names(graph["3/1/evaluate"].needs))


def test_every_call_comes_after_what_it_needs_and_has_a_path_of_its_own() -> None:
    rounds = [{"fine_tune": [UPDATE, UPDATE]}, {"repeat": 3, "critique": "env_feedback"}]
    graph = nodes({"rounds": rounds}, children=3)
    seen: set[StageCall] = set()
    for node in graph.values():
        assert seen.issuperset(node.needs)
        seen.add(node.call)
    assert len({call.path for call in seen}) == len(seen) == len(graph)


def test_all_passes_of_a_repeated_round_are_one_task() -> None:
    raw = {
        "name": "t",
        "environments": ["reasoning"],
        "rounds": [{"name": "a"}, {"name": "b", "repeat": 2, "fine_tune": UPDATE}, {"name": "c"}],
    }
    recipe = parse_recipe(raw, "t.yaml")
    graph = unroll(recipe, 1, children=2)
    tasks = fused(recipe, graph)
    assert [node for task in tasks for node in task] == list(graph)
    together = [task for task in tasks if len(task) > 1]
    assert [len(task) for task in together] == [8, 8]
    assert [{(n.call.child, n.call.round) for n in task} for task in together] == [
        {(0, "b")},
        {(1, "b")},
    ]


def passes(names: list[str]) -> list[str]:
    """The passes that trajectories are read from, in order."""
    return [name.split("/")[2] for name in names if name.endswith("rollout")]


def test_a_pass_sees_the_one_before_it_unless_its_inputs_say_otherwise() -> None:
    rounds = [
        {"name": "a", "repeat": 2},
        {"name": "b", "inputs": "all"},
        {"name": "c", "inputs": "a"},
        {"name": "d"},
    ]
    graph = nodes({"rounds": rounds})
    seen = {
        at: passes(names(graph[f"3/0/{at}/task_synthesis"].needs))
        for at in ("a.0", "a.1", "b.0", "c.0", "d.0")
    }
    assert seen == {
        "a.0": [],
        "a.1": ["a.0"],
        "b.0": ["a.0", "a.1"],
        "c.0": ["a.1"],
        "d.0": ["c.0"],
    }
    for stage in ("rollout", "verification"):
        found = passes(names(graph[f"3/0/c.0/{stage}"].needs))
        assert found == ["a.1", *(["c.0"] if stage == "verification" else [])]


def test_a_pass_without_task_synthesis_takes_up_the_tasks_that_it_sees() -> None:
    rounds = [
        {"name": "a"},
        {"name": "again", "repeat": 2, "task_synthesis": "none", "fine_tune": UPDATE},
    ]
    graph = nodes({"rounds": rounds})
    posed = "3/0/a.0/task_synthesis"
    for call in ("3/0/again.1/rollout", "3/0/again.1/fine_tune.0", "3/0/evaluate"):
        assert posed in names(graph[call].needs)
    assert "3/0/a.0/rollout" not in names(graph["3/0/again.1/rollout"].needs)
    assert passes(names(graph["3/0/again.0/fine_tune.0"].needs)) == ["again.0"]
