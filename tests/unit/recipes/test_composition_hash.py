"""The hash of a composition: settings and versions change it, and nothing else does."""

import json
from pathlib import Path

import pytest

from cladeflow.archive.archive import Archive
from cladeflow.recipes import resolve
from cladeflow.records import Agent
from cladeflow.rollout import Sample
from cladeflow.strategy import find

RESULTS = Path(__file__).parents[3] / "benchmarks/recipes/results"
MEASURED = {
    "evaluate/benchmark_suite": 2,
    "evaluate/exploration_monitor": 2,
    "evaluate/critique_eval": 2,
    "builder/rl_batch": 1,
    "builder/unpaired": 1,
}
"""Versions at the time of the results, where later ones would have given the same weights.

Version 3 of evaluations has other intervals, which no weights depend on; version 2 of builders
groups revisions otherwise, and what grpo and nft build from, `Sample`, makes none.
"""
INITIAL = Agent(weights={"actor": "store:m#0"})


def test_a_newer_version_of_a_strategy_is_another_composition(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    composition = resolve("star", scale="tiny")
    before = composition.hash
    kind = find("rollout", "sample")
    assert kind is not None
    monkeypatch.setattr(kind, "version", kind.version + 1)
    newer = composition.hash
    assert newer != before
    monkeypatch.setattr(kind, "version", kind.version + 1)
    assert composition.hash not in (before, newer)
    monkeypatch.undo()
    assert composition.hash == before


@pytest.mark.parametrize("name", ["star", "grpo", "nft", "b_star", "agentevol", "mathcritique"])
def test_committed_results_name_the_composition_that_they_are_of(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for strategy, version in MEASURED.items():
        monkeypatch.setattr(find(*strategy.split("/")), "version", version)
    result = json.loads((RESULTS / f"{name}-0.json").read_text())
    settings = [*result["settings"], "scale.dtype=float32"]
    assert resolve(name, scale="tiny", settings=settings).hash == result["identity"]["recipe"]


def test_a_newer_cladeflow_carries_an_evolution_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    composition = resolve("star", scale="tiny")
    with Archive.create(f"sqlite:///{tmp_path / 'archive.db'}") as archive:
        begun = archive.start_evolution(composition, 0, INITIAL)
        monkeypatch.setattr(Sample, "version", Sample.version + 1)
        assert composition.hash != begun.recipe_hash
        again = archive.start_evolution(composition, 0, INITIAL)
        assert (again.id, again.recipe_hash) == (begun.id, begun.recipe_hash)
