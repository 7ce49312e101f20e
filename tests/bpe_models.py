"""Random models with byte-level BPE tokenizers, as users' directories have them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

END = "<|end|>"
CHAT_TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
ARCHITECTURES: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "llama": (LlamaForCausalLM, LlamaConfig, {"num_key_value_heads": 1}),
    "qwen2": (Qwen2ForCausalLM, Qwen2Config, {"num_key_value_heads": 1}),
    "qwen3": (Qwen3ForCausalLM, Qwen3Config, {"num_key_value_heads": 1, "head_dim": 16}),
    "gpt_neox": (GPTNeoXForCausalLM, GPTNeoXConfig, {}),
}


def bpe_tokenizer(
    texts: Iterable[str], size: int = 400, chat: bool = False
) -> PreTrainedTokenizerFast:
    """A tokenizer learned from ``texts``, with an end token and no padding token."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END)
    if chat:
        wrapped.chat_template = CHAT_TEMPLATE
    return wrapped


def save_bpe_model(
    directory: Path,
    texts: Iterable[str],
    architecture: str = "llama",
    *,
    chat: bool = False,
    tied: bool = False,
    **config: Any,
) -> Path:
    """A random model of some ten thousand parameters whose tokenizer knows ``texts``."""
    torch.manual_seed(0)
    model, configuration, extra = ARCHITECTURES[architecture]
    tokenizer = bpe_tokenizer(texts, chat=chat)
    settings = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 512,
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": None,
        "tie_word_embeddings": tied,
    }
    model(configuration(**(settings | extra | config))).save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory
