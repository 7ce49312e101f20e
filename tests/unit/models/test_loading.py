import json
from pathlib import Path

import pytest
from transformers import Gemma2Config, Gemma2ForCausalLM, MambaConfig, MambaForCausalLM

from cladeflow.errors import ModelError
from cladeflow.models.loading import check_model, context_length, model_digest, tokenizer_digest
from cladeflow.models.transformers_engine import TransformersEngine
from tests.tiny_models import save_tiny_model, tiny_tokenizer


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return save_tiny_model(tmp_path / "model")


def edit(path: Path, **changes: object) -> None:
    """Set keys of a JSON file; None removes one."""
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in content.items() if v is not None}))


def test_no_directory(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such directory"):
        TransformersEngine(tmp_path / "nowhere")


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors", "tokenizer_config.json"])
def test_a_missing_file_is_named(directory: Path, missing: str) -> None:
    (directory / missing).unlink()
    with pytest.raises(ModelError, match=missing.removeprefix("model")):
        TransformersEngine(directory)


def test_damaged_weights(directory: Path) -> None:
    weights = directory / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ModelError, match="not loadable"):
        TransformersEngine(directory)


def test_weights_that_are_not_all_there(directory: Path) -> None:
    """transformers would fill them in at random."""
    edit(directory / "config.json", num_hidden_layers=3, layer_types=None)
    with pytest.raises(ModelError, match=r"weights lack .*layers\.2"):
        TransformersEngine(directory)


def test_damaged_tokenizer(directory: Path) -> None:
    (directory / "tokenizer.json").write_text("{")
    with pytest.raises(ModelError, match="tokenizer cannot be loaded"):
        TransformersEngine(directory)


def test_no_end_token(directory: Path) -> None:
    edit(directory / "generation_config.json", eos_token_id=None)
    edit(directory / "config.json", eos_token_id=None)
    tiny_tokenizer(eos_token=None).save_pretrained(directory)
    for refuse in (TransformersEngine, check_model):
        with pytest.raises(ModelError, match="no end token"):
            refuse(directory)


def test_an_end_token_of_either_will_do(directory: Path) -> None:
    tiny_tokenizer(eos_token=None).save_pretrained(directory)
    check_model(directory)
    assert TransformersEngine(directory)._is_end.nonzero()[0].tolist() == [1]


def test_a_tokenizer_of_another_model(directory: Path) -> None:
    edit(directory / "config.json", vocab_size=9)
    with pytest.raises(ModelError, match=r"its tokenizer has \d+ tokens, its model knows 9"):
        check_model(directory)


def test_a_missing_part_of_the_weights(directory: Path) -> None:
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors"}}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ModelError, match=r"00001-of-00002\.safetensors is damaged"):
        check_model(directory)


def test_the_context_is_what_the_configuration_says(directory: Path) -> None:
    assert context_length(directory) == 256


def test_digests_cover_content_and_nothing_else(directory: Path, tmp_path: Path) -> None:
    same = save_tiny_model(tmp_path / "elsewhere")
    other = save_tiny_model(tmp_path / "other", seed=1)
    (same / "README.md").write_text("not part of the model")
    assert model_digest(directory) == model_digest(same) != model_digest(other)
    assert tokenizer_digest(directory) == tokenizer_digest(other)
    edit(directory / "tokenizer_config.json", extra="1")
    assert tokenizer_digest(directory) != tokenizer_digest(other)
    assert model_digest(directory) == model_digest(same)


def test_an_architecture_that_keeps_a_state_is_refused(tmp_path: Path) -> None:
    config = MambaConfig(vocab_size=len(tiny_tokenizer()), hidden_size=16, num_hidden_layers=1)
    MambaForCausalLM(config).save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="MambaForCausalLM"):
        TransformersEngine(tmp_path)
    with pytest.raises(ModelError, match="MambaForCausalLM"):
        check_model(tmp_path)


def test_an_attention_that_is_not_plain_is_refused(tmp_path: Path) -> None:
    """Gemma 2 caps its scores; ignoring that would sample from another model."""
    config = Gemma2Config(
        vocab_size=len(tiny_tokenizer()),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
    )
    Gemma2ForCausalLM(config).save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="softcap"):
        TransformersEngine(tmp_path)
    with pytest.raises(ModelError, match="softcap"):
        check_model(tmp_path)
