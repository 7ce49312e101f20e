import json
from pathlib import Path
from typing import Any

import pytest

from cladeflow.errors import StoreError
from cladeflow.exporter.commits import call_of
from cladeflow.exporter.generation import gauges
from cladeflow.exporter.ledger import AGAIN, EVALUATION, Ledger, Place
from cladeflow.graph import StageCall
from cladeflow.store import Commit, LocalStore, write_commit
from cladeflow.telemetry import Metrics

HASH = "0" * 64


def call(stage: Any, **fields: Any) -> StageCall:
    return StageCall(**{"generation": 1, "child": 0, "round": "main", **fields}, stage=stage)


def commit(store: LocalStore, key: str, metrics: Metrics, **fields: Any) -> str:
    """Commit what a stage measured; where its metrics.json is."""
    path = f"{key}/attempt/metrics.json"
    store.write(path, json.dumps(metrics.to_json()).encode())
    fields = {"stage": "x", "input_hash": HASH, **fields}
    volatile = {"created": "2026-01-01T00:00:00+00:00", "attempt": "attempt", "seconds": 1.0}
    write_commit(store, key, "attempt", Commit(**fields, metrics=path, volatile=volatile))
    return path


def rollout(tokens: int, seconds: float = 2.0) -> Metrics:
    metrics = Metrics()
    metrics.count("cladeflow_generated_tokens_total", tokens, role="actor")
    metrics.gauge("cladeflow_stage_seconds", seconds)
    return metrics


def decide(store: LocalStore, generation: int, winner: str | None = None) -> None:
    key = f"generations/{generation}/promote/{HASH}"
    commit(store, key, Metrics(), values={"winner": winner})


def improved(by: float) -> Metrics:
    metrics = Metrics()
    for suite in ("frontier", "retention"):
        at = {"suite": suite, "family": "all", "metric": "accuracy"}
        metrics.gauge("cladeflow_improvement_ratio", by if suite == "frontier" else 9.0, **at)
    return metrics


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def tokens(ledger: Ledger, stage: str = "rollout", round_name: str = "main") -> float:
    metrics = ledger.totals.get(Place(stage, round_name), Metrics())
    return metrics.value("cladeflow_generated_tokens_total", role="actor")


@pytest.mark.parametrize(
    "made",
    [
        call("rollout"),
        call("fine_tune", round="a.b", repeat=12, update=3, child=2, generation=40),
        StageCall(generation=3, stage="plan"),
        StageCall(generation=3, child=1, stage="evaluate"),
    ],
    ids=str,
)
def test_a_commits_place_says_which_call_it_is(made: StageCall) -> None:
    assert call_of(f"{made.path}/{HASH}") == made
    assert call_of(f"{made.path}/{HASH}/shard-0") is None
    assert call_of(f"{made.path}/{HASH}/0123456789ab") is None


def test_every_commit_is_counted_once_and_shards_are_not(store: LocalStore) -> None:
    ledger = Ledger(store)
    key = f"{call('rollout').path}/{HASH}"
    commit(store, f"{key}/shard-0", rollout(5))
    ledger.refresh(())
    assert (ledger.begun, ledger.finished, tokens(ledger)) == (0, 0, 0)
    commit(store, key, rollout(5))
    for _ in range(2):
        ledger.refresh(())
        assert (ledger.begun, ledger.finished, tokens(ledger)) == (1, 0, 5)
    decide(store, 1)
    commit(store, f"{call('rollout', generation=2).path}/{HASH}", rollout(7))
    ledger.refresh(())
    assert (ledger.begun, ledger.finished, tokens(ledger)) == (2, 1, 12)
    assert [str(made.call) for made in ledger.newest()] == ["1/0/main.0/rollout", "1/promote"]
    again = Ledger(store)
    again.refresh(())
    assert tokens(again) == 12


def test_evaluations_are_counted_once_by_agent(store: LocalStore) -> None:
    commit(store, f"evals/someone/{HASH}", rollout(3))
    commit(store, f"evals/someone/{HASH}/shard-0", rollout(3))
    ledger = Ledger(store)
    for agents in (["someone"], [], ["someone", "nobody"]):
        ledger.refresh(agents)
    assert tokens(ledger, EVALUATION, "") == 3
    assert len(list(ledger.evaluations(["someone", "stranger"]))) == 1


def test_what_is_added_to_agents_of_old_is_counted_in_turn(store: LocalStore) -> None:
    ledger, everyone = Ledger(store), [f"agent-{i}" for i in range(2 * AGAIN)]
    for agent in everyone:
        commit(store, f"evals/{agent}/{HASH}", rollout(1))
    ledger.refresh(everyone)
    for agent in everyone:
        commit(store, f"evals/{agent}/{'1' * 64}", rollout(10))
    counted = []
    for _ in range(4):
        ledger.refresh(["agent-0"])
        counted.append(tokens(ledger, EVALUATION, ""))
    assert counted[0] < counted[1] == counted[2] == counted[3] == 11 * len(everyone)
    again = Ledger(store)
    again.refresh(everyone)
    assert tokens(again, EVALUATION, "") == counted[-1], "as after a restart"


def test_a_damaged_document_is_a_counted_gap_that_can_be_mended(store: LocalStore) -> None:
    good = f"{call('rollout').path}/{HASH}"
    path = commit(store, f"{call('rollout', repeat=1).path}/{HASH}", rollout(7))
    commit(store, good, rollout(5))
    whole = store.read(path)
    (store.root / path).write_bytes(whole[:20])
    (store.root / good / "commit.json").write_bytes(b"{")
    ledger = Ledger(store)
    ledger.refresh(())
    assert (ledger.begun, ledger.unreadable, tokens(ledger)) == (1, 2, 0)
    store.write(path, whole)
    ledger.refresh(())
    assert (ledger.unreadable, tokens(ledger)) == (1, 7)


def test_a_store_that_has_gone_is_no_empty_one(store: LocalStore) -> None:
    decide(store, 1)
    ledger = Ledger(store)
    ledger.refresh(())
    (store.root / "generations").rename(store.root / "elsewhere")
    with pytest.raises(StoreError, match="generation 1 is not there any more"):
        ledger.refresh(())
    (store.root / "elsewhere").rename(store.root / "generations")
    ledger.refresh(())
    assert ledger.finished == 1


def test_gains_are_those_of_promoted_children(store: LocalStore) -> None:
    for generation, (by, winner) in enumerate([(0.25, "a"), (0.5, None), (0.125, "b")], start=1):
        key = f"{StageCall(generation=generation, child=0, stage='evaluate').path}/{HASH}"
        commit(store, key, improved(by))
        decide(store, generation, winner)
    ledger = Ledger(store)
    ledger.refresh(())
    assert ledger.gained == 0.375


def test_gauges_of_a_stages_calls_come_together(store: LocalStore) -> None:
    for repeat in (0, 1):
        metrics = rollout(1, seconds=2.0 + repeat)
        metrics.gauge("cladeflow_stage_memory_peak_bytes", 10 - repeat)
        metrics.gauge("cladeflow_kept_ratio", repeat / 4, role="actor")
        commit(store, f"{call('rollout', repeat=repeat).path}/{HASH}", metrics)
    other = rollout(1, seconds=8.0)
    other.gauge("cladeflow_kept_ratio", 1.0, role="actor")
    commit(store, f"{call('rollout', child=1).path}/{HASH}", other)
    decide(store, 1)
    ledger = Ledger(store)
    ledger.refresh(())
    found = gauges(ledger.newest(), ledger.shown())[Place("rollout", "main")]
    assert found.value("cladeflow_stage_seconds") == 13
    assert found.value("cladeflow_stage_memory_peak_bytes") == 10
    assert found.value("cladeflow_kept_ratio", role="actor") == 0.25
