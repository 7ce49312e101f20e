"""The local store: atomic writes, one winner per commit, clear errors for damage."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import zstandard

from cladeflow.errors import ModelError, StoreError
from cladeflow.records import Target, Verdict, Verifier, canonical_json
from cladeflow.store import (
    Commit,
    LocalStore,
    SetManifest,
    directory_ref,
    join_sets,
    materialise,
    newest_commit,
    read_commit,
    read_set,
    tree_digest,
    write_commit,
    write_set,
)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def verdicts(n: int, base: int = 0) -> list[Verdict]:
    by = Verifier(strategy="v")
    return [Verdict(target=Target(id=str(base + i)), value=i / 8, by=by) for i in range(n)]


def test_sets_read_back_in_order_and_join_without_copying(store: LocalStore) -> None:
    one, two = verdicts(3), verdicts(2, base=10)
    parts = [write_set(store, "a/x", Verdict, one), write_set(store, "b/x", Verdict, two)]
    files = list(store.list(""))
    joined = join_sets(parts)
    assert list(read_set(store, joined, Verdict)) == one + two
    assert joined.count == 5
    assert list(store.list("")) == files


def test_the_digest_is_of_the_lines_not_of_their_compression(store: LocalStore) -> None:
    manifest = write_set(store, "a", Verdict, verdicts(3))
    [shard] = manifest.shards
    recompressed = shard.model_copy(update={"sha256": "other", "file": "elsewhere"})
    assert manifest.model_copy(update={"shards": (recompressed,)}).digest == manifest.digest
    assert write_set(store, "b", Verdict, verdicts(2)).digest != manifest.digest


def test_a_flipped_byte_names_the_file(store: LocalStore) -> None:
    manifest = write_set(store, "dir/x", Verdict, verdicts(3))
    path = store.root / "dir/x.jsonl.zst"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(StoreError, match=r"dir/x\.jsonl\.zst is damaged"):
        list(read_set(store, manifest, Verdict))


def test_a_truncated_shard_names_the_file(store: LocalStore) -> None:
    manifest = write_set(store, "dir/x", Verdict, verdicts(3))
    path = store.root / "dir/x.jsonl.zst"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(StoreError, match=r"dir/x\.jsonl\.zst is damaged"):
        list(read_set(store, manifest, Verdict))


def test_a_missing_shard_names_the_file(store: LocalStore) -> None:
    manifest = write_set(store, "dir/x", Verdict, verdicts(3))
    (store.root / "dir/x.jsonl.zst").unlink()
    with pytest.raises(StoreError, match=r"dir/x\.jsonl\.zst is missing"):
        list(read_set(store, manifest, Verdict))


def test_a_record_that_lies_about_its_id_names_the_file(store: LocalStore) -> None:
    line = verdicts(1)[0].to_line().replace('"value":0.0', '"value":1.0')
    store.write("x.jsonl.zst", data := zstandard.compress(line.encode()))
    import hashlib

    shard = {
        "file": "x.jsonl.zst",
        "count": 1,
        "lines": "",
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    manifest = SetManifest.model_validate(
        {"record": "Verdict", "schema_version": 1, "shards": [shard]}
    )
    with pytest.raises(StoreError, match=r"x\.jsonl\.zst: Verdict .* does not match its id"):
        list(read_set(store, manifest, Verdict))


@pytest.mark.parametrize("text", ["{", "[]", '{"schema_version": "one"}', '{"stage": 1}', "\ufffd"])
def test_a_damaged_commit_is_named(store: LocalStore, text: str) -> None:
    store.write("c/commit.json", text.encode())
    with pytest.raises(StoreError, match=r"c/commit\.json is damaged"):
        read_commit(store, "c")


def test_newer_schemas_name_the_file_and_the_remedy(store: LocalStore) -> None:
    manifest = write_set(store, "x", Verdict, verdicts(1)).model_copy(update={"schema_version": 2})
    with pytest.raises(StoreError, match=r"x\.jsonl\.zst.*schema 2.*upgrade"):
        list(read_set(store, manifest, Verdict))
    newer = Commit(stage="s", input_hash="h").model_copy(update={"schema_version": 9})
    store.write("c/commit.json", canonical_json(newer.model_dump()).encode())
    with pytest.raises(StoreError, match=r"c/commit\.json was written by a newer"):
        read_commit(store, "c")


def test_of_many_attempts_exactly_one_commit_counts(store: LocalStore) -> None:
    def attempt(name: str) -> Commit:
        mine = Commit(stage="s", input_hash="h", volatile={"attempt": name})
        return write_commit(store, "key", name, mine)

    with ThreadPoolExecutor(16) as pool:
        winners = list(pool.map(attempt, [f"a{i}" for i in range(32)]))
    assert len({winner.volatile["attempt"] for winner in winners}) == 1
    assert read_commit(store, "key") == winners[0]


def test_the_newest_commit_is_the_calls_own_that_was_made_last(store: LocalStore) -> None:
    def commit(key: str, seconds: int) -> None:
        at = {"created": f"2026-05-01T12:00:{seconds:02}+00:00"}
        write_commit(store, key, "attempt", Commit(stage="s", input_hash=key, volatile=at))

    assert newest_commit(store, "1/rollout") is None
    for key, seconds in (("b", 1), ("a", 3), ("c", 2)):
        commit(f"1/rollout/{key}", seconds)
    commit("1/rollout/a/shard-0", 4)
    commit("1/rollout.0/d", 5)
    newest = newest_commit(store, "1/rollout")
    assert newest is not None and newest.input_hash == "1/rollout/a"


def test_volatile_facts_do_not_change_a_commits_digest() -> None:
    one = Commit(stage="s", input_hash="h", values={"n": 1}, volatile={"seconds": 1})
    two = one.model_copy(update={"volatile": {"seconds": 2}, "metrics": "elsewhere"})
    assert one.digest == two.digest != one.model_copy(update={"values": {"n": 2}}).digest


@pytest.mark.parametrize(
    ("number", "advice"), [(errno.ENOSPC, "disk is full"), (errno.EACCES, "cannot be written")]
)
def test_what_the_system_refuses_is_explained(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch, number: int, advice: str
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(StoreError, match=advice):
        store.write("x", b"data")
    assert not store.exists("x")


def test_a_model_is_found_by_its_digest_and_refused_when_it_changed(
    store: LocalStore, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    ref = directory_ref(model)
    assert ref.endswith(tree_digest(model))
    assert materialise(store, ref) == model
    (model / "config.json").write_text("{ }")
    with pytest.raises(ModelError, match="not the model it was"):
        materialise(store, ref)
    (model / "config.json").write_text("{}")
    assert materialise(store, ref) == model


def test_a_model_may_lie_in_any_directory(store: LocalStore, tmp_path: Path) -> None:
    model = tmp_path / "my model, 100 %25"
    model.mkdir()
    (model / "config.json").write_text("{}")
    assert materialise(store, directory_ref(model)) == model


def test_a_directory_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no config\.json"):
        directory_ref(tmp_path)
    with pytest.raises(ModelError, match="not a directory"):
        directory_ref(tmp_path / "missing")
