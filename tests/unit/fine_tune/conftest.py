from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import (
    BloomConfig,
    BloomForCausalLM,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
)

SIZES = {
    "vocab_size": 32,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "tie_word_embeddings": False,
}
MAKERS: dict[str, Callable[[], PreTrainedModel]] = {
    "llama": lambda: LlamaForCausalLM(LlamaConfig(**SIZES)),
    "llama-grouped": lambda: LlamaForCausalLM(LlamaConfig(**SIZES, num_key_value_heads=1)),
    "qwen2": lambda: Qwen2ForCausalLM(Qwen2Config(**SIZES, num_key_value_heads=1)),
    "gpt-neox": lambda: GPTNeoXForCausalLM(GPTNeoXConfig(**SIZES)),
    "mistral-window": lambda: MistralForCausalLM(
        MistralConfig(**SIZES, num_key_value_heads=1, sliding_window=4)
    ),
    "bloom": lambda: BloomForCausalLM(
        BloomConfig(vocab_size=32, hidden_size=32, n_layer=2, n_head=2, pad_token_id=0)
    ),
}


@pytest.fixture
def make_model() -> Callable[[str], PreTrainedModel]:
    """A small random model by architecture, the same at every call."""

    def make(architecture: str) -> PreTrainedModel:
        torch.manual_seed(0)
        model = MAKERS[architecture]()
        with torch.no_grad():  # small random weights make attention uniform and hide masks
            for parameter in model.parameters():
                if parameter.ndim > 1:
                    parameter.mul_(10)
        return model

    return make


@pytest.fixture
def model_dir(tmp_path: Path, make_model: Callable[[str], PreTrainedModel]) -> Path:
    make_model("llama").save_pretrained(tmp_path / "model")
    return tmp_path / "model"
