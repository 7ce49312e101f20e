"""What generations cost, by hand: every commit once, evaluations with whoever was evaluated."""

import json
from pathlib import Path

import pytest

from cladeflow.archive.archive import Archive
from cladeflow.graph import StageCall, StageName
from cladeflow.records import Delta, EvalReport
from cladeflow.report.costs import Bill, gain
from cladeflow.session import Session
from cladeflow.store import Commit, write_commit
from cladeflow.telemetry import Metrics
from cladeflow.telemetry.prices import Prices, TokenPrice
from cladeflow.views import GenerationView, StageView
from tests.populations import populated

HOUR = 3600
PRICES = Prices(
    cpu_hour=0.5, gpu_hour=4.0, tokens={"teacher": TokenPrice(prompt=1.0, generated=2.0)}
)


def spent(cpu: float = 0, gpu: float = 0, tokens: int = 0) -> Metrics:
    metrics = Metrics()
    metrics.count("cladeflow_cpu_seconds_total", cpu)
    metrics.count("cladeflow_gpu_seconds_total", gpu)
    metrics.count("cladeflow_generated_tokens_total", tokens, role="teacher")
    return metrics


def stage(name: StageName, metrics: Metrics, update: int | None = None) -> StageView:
    call = StageCall(generation=1, child=0, round="main", stage=name, update=update)
    return StageView(call, Commit(stage=name, input_hash="h", volatile={"seconds": 2.0}), metrics)


def evaluated(session: Session, behaviour: str, metrics: Metrics) -> None:
    key = f"evals/{behaviour}/{'0' * 64}"
    path = f"{key}/attempt/metrics.json"
    session.store.write(path, json.dumps(metrics.to_json()).encode())
    volatile = {"created": "2026-01-01T00:00:00+00:00", "attempt": "attempt", "seconds": 1.0}
    commit = Commit(stage="evaluation", input_hash="0" * 64, metrics=path, volatile=volatile)
    write_commit(session.store, key, "attempt", commit)


@pytest.fixture
def home(tmp_path: Path) -> Session:
    return Session(populated(tmp_path / "home", 3))


def behaviours(archive: Archive) -> list[str]:
    return [member.agent.behaviour for member in archive.agents()]


def test_stages_cost_their_seconds_and_tokens(home: Session) -> None:
    stages = [
        stage("rollout", spent(cpu=2 * HOUR, tokens=3_000_000)),
        stage("fine_tune", spent(gpu=HOUR), update=0),
        stage("fine_tune", spent(gpu=HOUR, cpu=HOUR), update=1),
    ]
    first, second = Bill(home, PRICES).costs(1, stages)
    assert (first.stage, first.seconds, first.generated) == ("rollout", 2.0, 3_000_000)
    assert first.dollars == {"cpu": 1.0, "gpu": 0.0, "tokens": 6.0}
    assert second.dollars == {"cpu": 0.5, "gpu": 8.0, "tokens": 0.0}
    assert (first.together, second.together, second.seconds) == (7.0, 8.5, 4.0)


def test_evaluations_count_with_the_generation_that_first_made_them(home: Session) -> None:
    for number, behaviour in enumerate(behaviours(home.archive)):
        evaluated(home, behaviour, spent(cpu=10**number * HOUR))
    (cost,) = Bill(home, PRICES).costs(1, [stage("evaluate", spent(cpu=HOUR))])
    assert cost.dollars["cpu"] == (1 + 1 + 10 + 100) * 0.5, "the start's among them"
    (later,) = Bill(home, PRICES).costs(2, [stage("evaluate", spent(cpu=HOUR))])
    assert later.dollars["cpu"] == 0.5


def test_without_prices_there_is_no_cost(home: Session) -> None:
    (cost,) = Bill(home, None).costs(1, [stage("rollout", spent(cpu=HOUR))])
    assert (cost.dollars, cost.together) == ({}, 0)


def test_only_promoted_children_gain() -> None:
    fields = {"family": "all", "lo": 0, "hi": 1, "n": 9, "confidence": 0.95}
    deltas = (
        Delta(suite="frontier", metric="pass@4", delta=0.5, **fields),
        Delta(suite="retention", metric="accuracy", delta=0.4, **fields),
        Delta(suite="frontier", metric="accuracy", delta=0.03, **fields),
    )
    report = EvalReport(agent_id="a", baseline_id="b", suite="s", seeds=(0,), deltas=deltas)
    view = GenerationView(1, 0, "a", report, "pass", (), True, 0, 0.0)
    assert gain(view) == 0.03
    assert gain(view._replace(promoted=False)) == 0.0
