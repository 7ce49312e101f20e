"""A receipt holds as long as nothing has changed that its input hash was computed from."""

from pathlib import Path

import pytest

from cladeflow.kubeflow import receipts
from cladeflow.kubeflow.receipts import Receipt, Receipts, code_state

PLAN, ROLLOUT = "generations/1/plan", "generations/1/0/main.0/rollout"


def commit(home: Path, key: str) -> str:
    path = home / "store" / key / "commit.json"
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    return key


def leave(home: Path, call: str, key: str, plan: str | None = None) -> None:
    needs = {PLAN: plan} if plan else {}
    receipt = Receipt(code_state(), commit(home, key), needs, [call], {"stage": "s"})
    Receipts(home).leave(call, receipt)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    leave(tmp_path, PLAN, f"{PLAN}/a")
    leave(tmp_path, ROLLOUT, f"{ROLLOUT}/b", plan=f"{PLAN}/a")
    return tmp_path


def test_an_unchanged_task_is_found(home: Path) -> None:
    (found,) = Receipts(home).find(ROLLOUT) or []
    assert found.commit == f"{ROLLOUT}/b"
    assert Receipts(home).find("generations/1/promote") is None


def test_another_commit_of_an_input_ends_it(home: Path) -> None:
    leave(home, PLAN, f"{PLAN}/c")
    assert Receipts(home).find(ROLLOUT) is None
    assert Receipts(home).find(PLAN) is not None


def test_a_commit_that_is_gone_ends_it(home: Path) -> None:
    (home / "store" / ROLLOUT / "b" / "commit.json").unlink()
    assert Receipts(home).find(ROLLOUT) is None


def test_other_code_ends_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "code_state", lambda: "other")
    assert Receipts(home).find(ROLLOUT) is None


def test_what_another_version_wrote_is_no_receipt(home: Path) -> None:
    path = home / "receipts" / f"{ROLLOUT}.json"
    for text in ('{"commit": "x"}', "{", "[]"):
        path.write_text(text)
        assert Receipts(home).find(ROLLOUT) is None


def test_a_task_of_several_calls_needs_all_their_receipts(tmp_path: Path) -> None:
    together = ["generations/1/0/r.0/rollout", "generations/1/0/r.1/rollout"]
    made = Receipts(tmp_path)
    for index, call in enumerate(together):
        assert made.find(together[0]) is None
        key = commit(tmp_path, f"{call}/{index}")
        made.leave(call, Receipt(code_state(), key, {}, together, {"n": index}))
    assert [receipt.facts["n"] for receipt in made.find(together[0]) or []] == [0, 1]
