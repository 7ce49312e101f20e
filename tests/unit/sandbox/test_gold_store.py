"""The gold store: what was added is found, once, by its owner alone, and damage is noticed."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cladeflow.errors import StoreError
from cladeflow.records import Gold
from cladeflow.sandbox.gold import GoldStore

values = st.one_of(st.text(), st.integers(), st.lists(st.integers()), st.none())
golds = st.dictionaries(st.text(min_size=1), values).map(
    lambda found: [Gold(task_id=task_id, value=value) for task_id, value in found.items()]
)


@settings(max_examples=25)
@given(batches=st.lists(golds, max_size=3))
def test_what_was_added_is_found(batches: list[list[Gold]]) -> None:
    known = {gold.task_id: gold for batch in reversed(batches) for gold in batch}
    consistent = [[g for g in batch if known[g.task_id] == g] for batch in batches]
    with tempfile.TemporaryDirectory() as home:
        root = Path(home) / "gold"
        for batch in consistent:
            GoldStore(root).add(batch)
        for task_id, gold in known.items():
            assert GoldStore(root).get(task_id) == gold


def test_adding_twice_is_adding_once(tmp_path: Path) -> None:
    golds = [Gold(task_id=str(i), value=i) for i in range(3)]
    GoldStore(tmp_path).add(golds)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    GoldStore(tmp_path).add([*reversed(golds), golds[0]])
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    assert len(before) == 1


def test_nothing_added_writes_nothing(tmp_path: Path) -> None:
    GoldStore(tmp_path / "gold").add([])
    assert not (tmp_path / "gold").exists()


def test_only_the_owner_may_look(tmp_path: Path) -> None:
    root = tmp_path / "gold"
    GoldStore(root).add([Gold(task_id="t", value=1)])
    assert root.stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in root.iterdir()] == [0o600]


def test_a_reader_sees_what_is_added_later(tmp_path: Path) -> None:
    reader = GoldStore(tmp_path)
    with pytest.raises(StoreError, match="no gold for task t"):
        reader.get("t")
    GoldStore(tmp_path).add([Gold(task_id="t", value=1)])
    assert reader.get("t").value == 1


def test_the_same_gold_of_another_generation_is_no_conflict(tmp_path: Path) -> None:
    GoldStore(tmp_path).add([Gold(task_id="t", value=1)])
    GoldStore(tmp_path).add([Gold(task_id="t", value=1, gen=2)])
    assert GoldStore(tmp_path).get("t").value == 1


def test_two_golds_of_one_task_are_an_error(tmp_path: Path) -> None:
    GoldStore(tmp_path).add([Gold(task_id="t", value=1)])
    GoldStore(tmp_path).add([Gold(task_id="t", value=2)])
    with pytest.raises(StoreError, match="second gold for task t"):
        GoldStore(tmp_path).get("t")


@pytest.mark.parametrize("at", [0, 20, -1])
def test_a_flipped_byte_is_an_error_that_names_the_file(tmp_path: Path, at: int) -> None:
    GoldStore(tmp_path).add([Gold(task_id=str(i), value=i) for i in range(20)])
    (path,) = tmp_path.iterdir()
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    with pytest.raises(StoreError, match=path.name):
        GoldStore(tmp_path).get("0")


def test_an_unwritable_root_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "gold").write_text("a file where the directory should be")
    with pytest.raises(StoreError, match="cannot be written"):
        GoldStore(tmp_path / "gold").add([Gold(task_id="t", value=1)])
