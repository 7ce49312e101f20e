"""--set: any key of a recipe or scale by path."""

from typing import Any

import pytest

from cladeflow.errors import RecipeError
from cladeflow.recipes.overrides import apply

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
