from pathlib import Path

import pytest
import torch

from cladeflow.errors import StoreError
from cladeflow.fine_tune import checkpoint


def state(run: str = "run", step: int = 1) -> checkpoint.State:
    weights = {"w": torch.tensor([1.5])}
    return {"run": run, "step": step, "totals": {}, "model": weights, "optimiser": {}}


def test_what_is_saved_last_is_loaded(tmp_path: Path) -> None:
    assert checkpoint.load(tmp_path / "none", "run") is None
    checkpoint.save(state(step=1), tmp_path / "new")
    checkpoint.save(state(step=2), tmp_path / "new")
    loaded = checkpoint.load(tmp_path / "new", "run")
    assert loaded is not None
    assert (loaded["step"], loaded["model"]["w"].tolist()) == (2, [1.5])
    assert [path.name for path in (tmp_path / "new").iterdir()] == [checkpoint.FILE]


def test_a_crash_while_writing_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint.save(state(step=1), tmp_path)

    def crash(_: object, file: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", crash)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.save(state(step=2), tmp_path)
    loaded = checkpoint.load(tmp_path, "run")
    assert loaded is not None
    assert loaded["step"] == 1


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    checkpoint.save(state(), tmp_path)
    path = tmp_path / checkpoint.FILE
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(StoreError, match=r"checkpoint\.pt: damaged"):
        checkpoint.load(tmp_path, "run")


def test_another_runs_checkpoint_is_refused(tmp_path: Path) -> None:
    checkpoint.save(state(run="other"), tmp_path)
    with pytest.raises(StoreError, match="other inputs"):
        checkpoint.load(tmp_path, "run")
