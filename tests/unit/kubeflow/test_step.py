"""A task is attempted again where that can help, and says what became of every attempt."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cladeflow.errors import CladeflowError
from cladeflow.kubeflow import step, work
from cladeflow.kubeflow.attempts import RUN, Ledger
from cladeflow.kubeflow.orders import Order

CALL = json.dumps({"generation": 1, "child": 0, "round": "main", "stage": "rollout"})
TASK = "1/0/main.0/rollout"


class Work:
    """Fails as it is told, then succeeds; remembers how much it was reduced."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = iter(errors)
        self.reduced: list[int] = []

    def __call__(self, home: Path, order: Order, reduced: int) -> list[dict[str, Any]]:
        self.reduced.append(reduced)
        error = next(self.errors, None)
        if error:
            raise error
        return []


@pytest.fixture(autouse=True)
def in_a_run(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(RUN, "run-1")
    monkeypatch.setattr(step, "_PAUSE_SECONDS", 0.0)
    return


def attempted(home: Path, monkeypatch: pytest.MonkeyPatch, *errors: Exception) -> Work:
    done = Work(*errors)
    monkeypatch.setattr(work, "work", done)
    step.run(str(home), CALL)
    return done


def outcomes(home: Path) -> list[str | None]:
    return [attempt.outcome for attempt in Ledger(home).of(TASK)]


def test_a_transient_failure_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = attempted(tmp_path, monkeypatch, ConnectionResetError(), TimeoutError())
    assert outcomes(tmp_path) == ["transient", "transient", "done"]
    assert done.reduced == [0, 0, 0]


def test_out_of_memory_is_tried_again_with_half_as_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = attempted(tmp_path, monkeypatch, MemoryError(), MemoryError())
    assert done.reduced == [0, 1, 2]
    assert [attempt.reduced for attempt in Ledger(tmp_path).of(TASK)] == [0, 1, 2]


def test_a_bug_stops_at_once_and_in_later_pods_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KeyError):
        attempted(tmp_path, monkeypatch, KeyError("field"))
    assert outcomes(tmp_path) == ["bug"]
    with pytest.raises(SystemExit, match="not tried again in this run: 'field'"):
        attempted(tmp_path, monkeypatch)
    assert outcomes(tmp_path) == ["bug"]
    monkeypatch.setenv(RUN, "run-2")
    attempted(tmp_path, monkeypatch)
    assert outcomes(tmp_path) == ["bug", "done"]


def test_a_mistake_is_explained_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit, match=f"^cladeflow: {TASK}: no such model$"):
        attempted(tmp_path, monkeypatch, CladeflowError("no such model"))
    assert outcomes(tmp_path) == ["mistake"]


def test_attempts_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit):
        attempted(tmp_path, monkeypatch, *(TimeoutError() for _ in range(9)))
    assert outcomes(tmp_path) == ["transient"] * step.MOST_ATTEMPTS


def test_an_order_names_the_call_as_the_graph_does() -> None:
    from cladeflow.graph import StageCall

    for fields in (
        {"generation": 3, "stage": "plan"},
        {"generation": 3, "child": 1, "stage": "evaluate"},
        {"generation": 3, "child": 0, "round": "a", "repeat": 2, "stage": "fine_tune", "update": 0},
    ):
        order = Order.read(json.dumps({**fields, "share": "2/8"}))
        assert order.path == StageCall.model_validate(fields).path
        assert order.share == (2, 8)
        assert order.task == f"{StageCall.model_validate(fields)}/share-2"
