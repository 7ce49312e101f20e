"""Random models of a few thousand parameters, with a tokenizer whose tokens cross words."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models
from transformers import (
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)

CHARACTERS = "0123456789abcdefghijklmnopqrstuvwxyz +-*=.\n?:#"
MERGES = [("a", "n"), ("t", "h"), ("th", "e"), ("\n", "\n"), ("#", "#"), ("#", "a"), ("=", "\n")]
END = 1
CHAT_TEMPLATE = (
    "{% for m in messages %}[{{ m.role[0] }}]{{ m.content }}</s>{% endfor %}"
    "{% if add_generation_prompt %}[a]{% endif %}"
)
ARCHITECTURES = {
    "llama": (LlamaForCausalLM, LlamaConfig, {"num_key_value_heads": 2}),
    "qwen2": (Qwen2ForCausalLM, Qwen2Config, {"num_key_value_heads": 2}),
    "gpt_neox": (GPTNeoXForCausalLM, GPTNeoXConfig, {}),
}


def tiny_tokenizer(**options: Any) -> PreTrainedTokenizerFast:
    """Characters and a few merges; ``#`` followed by ``a`` may be one token."""
    vocabulary = {"<s>": 0, "</s>": END, "<unk>": 2}
    for token in [*CHARACTERS, "[", "]", *map("".join, MERGES)]:
        vocabulary.setdefault(token, len(vocabulary))
    tokenizer = Tokenizer(models.BPE(vocabulary, MERGES, unk_token="<unk>"))
    tokenizer.decoder = decoders.Fuse()
    special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **(special | options))


def save_tiny_model(
    directory: Path, architecture: str = "llama", seed: int = 0, **config: Any
) -> Path:
    """A random model; weights large enough that its distributions are far from uniform."""
    torch.manual_seed(seed)
    model, configuration, extra = ARCHITECTURES[architecture]
    tokenizer = tiny_tokenizer()
    settings = {
        "vocab_size": len(tokenizer),
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 256,
        "bos_token_id": 0,
        "eos_token_id": END,
        "initializer_range": 0.3,
    }
    model(configuration(**(settings | extra | config))).save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory
