"""Engines of a session: reused while needed, given other weights instead of loaded anew."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cladeflow.home import Home
from cladeflow.models.engine import Request, Sampling
from cladeflow.session import Session
from cladeflow.store import directory_ref, ref_digest
from tests.tiny_models import save_tiny_model


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with Session(Home(tmp_path / "home")) as opened:
        yield opened


@pytest.fixture
def refs(tmp_path: Path) -> tuple[str, ...]:
    """Three models of one architecture, and a wider one."""
    same = [save_tiny_model(tmp_path / f"same{i}", seed=i) for i in range(3)]
    wider = save_tiny_model(tmp_path / "wider", intermediate_size=128)
    return tuple(directory_ref(directory) for directory in (*same, wider))


def said(session: Session, ref: str) -> tuple[int, ...]:
    engine = session.engines({"actor": ref}, "transformers", "float32")["actor"]
    assert engine.model_digest == ref_digest(ref)
    (promise,) = engine.submit([Request((5, 6, 7), Sampling(max_tokens=12), "key")])
    engine.pump()
    return promise.result()[0].tokens


def test_other_weights_go_into_the_same_engine(session: Session, refs: tuple[str, ...]) -> None:
    engine = session.engines({"actor": refs[0]}, "transformers", "float32")["actor"]
    first = said(session, refs[0])
    swapped = said(session, refs[1])
    assert session.engines({"actor": refs[1]}, "transformers", "float32")["actor"] is engine
    session.release()
    assert swapped == said(session, refs[1]) != first


def test_an_engine_that_is_needed_keeps_its_weights(
    session: Session, refs: tuple[str, ...]
) -> None:
    before = session.engines({"actor": refs[0], "critic": refs[1]}, "transformers", "float32")
    after = session.engines({"actor": refs[2], "critic": refs[1]}, "transformers", "float32")
    assert after["critic"] is before["critic"]
    assert after["actor"] is before["actor"]
    both = session.engines({"actor": refs[2], "critic": refs[2]}, "transformers", "float32")
    assert both["actor"] is both["critic"] is after["actor"]


def test_another_architecture_dtype_or_tokenizer_gets_an_engine_of_its_own(
    session: Session, refs: tuple[str, ...], tmp_path: Path
) -> None:
    engine = session.engines({"actor": refs[0]}, "transformers", "float32")["actor"]
    other = save_tiny_model(tmp_path / "other", seed=0)
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps({**config, "rms_norm_eps": 0.1}))
    for ref in (refs[3], directory_ref(other)):
        found = session.engines({"actor": ref}, "transformers", "float32")["actor"]
        assert found is not engine and found.model_digest == ref_digest(ref)
        engine = found
    wide = session.engines({"actor": directory_ref(other)}, "transformers", "bfloat16")["actor"]
    assert wide is not engine and wide.dtype == "bfloat16"
