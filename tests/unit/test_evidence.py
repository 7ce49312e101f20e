"""The harness behind docs/evidence.md: what its arms change, and what its report concludes."""

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from benchmarks.evidence.arms import ARMS, budget
from benchmarks.evidence.report import MARKER, write
from benchmarks.evidence.runs import Comparison, Run
from benchmarks.evolutions.runs import Bench, Trial
from benchmarks.evolutions.tables import begin, end
from cladeflow.environments import Reasoning
from cladeflow.recipes import Resolved, resolve
from cladeflow.verification import Shuffled
from tests.tiny_models import save_tiny_model

TASKS = 40
BEGIN, END = begin(MARKER), end(MARKER)


@pytest.fixture(scope="module")
def default() -> Resolved:
    return resolve("default", scale="tiny")


def changed(default: Resolved, arm: str, *more: str) -> Resolved:
    settings = [*ARMS[arm].settings(default), *more]
    return resolve("default", scale="tiny", settings=settings)


def test_shuffled_deals_exactly_the_verdicts_of_the_default(default: Resolved) -> None:
    for part, before in zip(
        changed(default, "shuffled").recipe.rounds, default.recipe.rounds, strict=True
    ):
        (entry,) = part.verification
        shuffled = entry.build()
        assert isinstance(shuffled, Shuffled)
        assert shuffled.inner == before.verification[0].build()
        assert part.model_copy(update={"verification": before.verification}) == before


def test_keep_everything_keeps_what_has_no_reward(default: Resolved) -> None:
    recipe = changed(default, "keep_everything").recipe
    for part, before in zip(recipe.rounds, default.recipe.rounds, strict=True):
        build = part.fine_tune[0].build
        assert build and build.options["threshold"] < 0
        assert part.model_copy(update={"fine_tune": before.fine_tune}) == before


def test_easy_demos_never_sample_and_never_see_the_frontier(default: Resolved) -> None:
    for part in changed(default, "easy_demos").recipe.rounds:
        (demos,) = part.task_synthesis
        assert demos.name == "demos" and not part.rollout
        levels = demos.options["levels"]
        assert {f: tuple(map(int, found)) for f, found in levels.items()} == Reasoning.mastered


def test_a_budget_is_a_schedule_of_the_control(default: Resolved) -> None:
    control = changed(default, "easy_demos", budget(default, [500, 0])).recipe.control
    assert control.options["schedule"]["loss_tokens"] == [500, 1]


def result(arm: str, seed: int, shares: list[float], promoted: bool = True) -> dict[str, Any]:
    """A run whose agents solve these shares of the tasks."""
    rng = Random(f"{arm}/{seed}")

    def scores(share: float) -> list[float]:
        return [float(rng.random() < share) for _ in range(TASKS * 10)]

    return {
        "arm": arm, "seed": seed, "identity": {}, "settings": [], "tasks": f"tasks {seed}",
        "seconds": 100.0, "cpu_seconds": 90.0,
        "agents": [
            {
                "generation": i, "outcome": "pass", "promoted": promoted and i > 0,
                "sampled_tokens": 1000, "trained_tokens": 500, "pass_at_k": None,
                "exploration": {},
                "scores": {m: scores(share) for m in ("greedy", "sampled", "retention")},
            }
            for i, share in enumerate(shares)
        ],
    }  # fmt: skip


def report(tmp_path: Path, results: list[dict[str, Any]]) -> str:
    (tmp_path / "results").mkdir()
    for one in results:
        path = tmp_path / "results" / f"{one['arm']}-{one['seed']}.json"
        path.write_text(json.dumps(one))
    document = tmp_path / "evidence.md"
    document.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    text = write(tmp_path, document)
    assert document.read_text() == f"before\n{BEGIN}\n\n{text}\n\n{END}\nafter\n"
    return text


def verdicts(text: str) -> dict[str, str]:
    """What the report says of each claim."""
    claims = text.partition("### Frontier")[0]
    rows = [line.strip("| ").split(" | ") for line in claims.splitlines() if line.startswith("|")]
    return {row[0]: row[2] for row in rows[2:]}


def test_a_strong_effect_holds_every_claim(tmp_path: Path) -> None:
    runs = [result("default", seed, [0.3, 0.5, 0.9]) for seed in range(5)]
    for control in ("keep_everything", "easy_demos"):
        runs += [result(control, seed, [0.3, 0.3, 0.3]) for seed in range(5)]
    runs += [result("shuffled", seed, [0.3, 0.3, 0.3], promoted=seed < 2) for seed in range(20)]
    found = verdicts(report(tmp_path, runs))
    assert len(found) == 13
    assert set(found.values()) == {"yes"}


def test_no_effect_holds_none(tmp_path: Path) -> None:
    runs = [result("default", seed, [0.1, 0.1, 0.1]) for seed in range(5)]
    runs += [result("keep_everything", seed, [0.1, 0.1, 0.4]) for seed in range(5)]
    runs += [result("shuffled", seed, [0.1, 0.1, 0.1], promoted=seed < 3) for seed in range(20)]
    found = verdicts(report(tmp_path, runs))
    assert found.pop("greedy: better than easy_demos") == "not measured"
    assert found.pop("sampled: better than easy_demos") == "not measured"
    assert set(found.values()) == {"**no**"}


def test_few_runs_hold_nothing(tmp_path: Path) -> None:
    found = verdicts(report(tmp_path, [result("default", 0, [0.3, 0.5, 0.9])]))
    assert found["greedy: starts between 20 and 40 %"] == "too few runs"
    assert "yes" not in found.values()


def test_what_was_not_promoted_is_no_gain(tmp_path: Path) -> None:
    runs = [result("default", seed, [0.3, 0.9], promoted=False) for seed in range(5)]
    text = report(tmp_path, runs)
    row = next(line for line in text.splitlines() if line.startswith("| default | 5 | greedy"))
    assert "+0.0 [+0.0, +0.0]" in row


def test_a_result_of_another_composition_is_not_reused(tmp_path: Path) -> None:
    model = save_tiny_model(tmp_path / "model")

    bench = Bench(tmp_path, model, "tiny", keep=False)
    identity = bench.identity(Trial("default", 0, "default", ("scale.tasks=10",), 1))
    (tmp_path / "results").mkdir()
    made = result("default", 0, [0.3]) | {"identity": identity}
    (tmp_path / "results" / "default-0.json").write_text(json.dumps(made))
    run = Run("default", 0)
    assert Comparison(bench, 1, ("scale.tasks=10",)).result(run) == made
    assert Comparison(bench, 1, ("scale.tasks=11",)).result(run) is None
    assert Comparison(bench, 2, ("scale.tasks=10",)).result(run) is None
