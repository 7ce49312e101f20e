"""Model directories: opening them, and the digests that identify what is in them."""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cladeflow.errors import ModelError
from cladeflow.models.lean import import_lean
from cladeflow.records import digest

if TYPE_CHECKING:
    import torch
    from transformers import GenerationConfig, PretrainedConfig, PreTrainedModel

    from cladeflow.models.tokenizer import Tokenizer

Dtype = Literal["float32", "bfloat16"]

MODEL_FILES = ("*.safetensors", "config.json", "generation_config.json", "adapter_config.json")
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "vocab.*",
    "merges.txt",
    "*.model",
)
SAVED_WITH = {"transformers_version", "dtype", "torch_dtype", "_name_or_path"}
"""Keys of configuration files that say how a model was saved, not what it is."""
UNBOUNDED = 1 << 30
"""Stands for the context of a model that states no limit."""


def model_digest(directory: Path) -> str:
    """sha256 over the names and contents of the weight and configuration files, names sorted."""
    return _digest(directory, MODEL_FILES)


def tokenizer_digest(directory: Path) -> str:
    """sha256 over the names and contents of the tokenizer's files, names sorted."""
    return _digest(directory, TOKENIZER_FILES)


def architecture_digest(directory: Path) -> str:
    """sha256 of what two directories share where only their weights differ."""
    configs = [_settings(directory / name) for name in ("config.json", "generation_config.json")]
    return digest([configs, tokenizer_digest(directory)])


def _settings(file: Path) -> dict[str, Any]:
    """What a configuration file says of the model, without how its weights were saved."""
    found: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else {}
    return {key: value for key, value in found.items() if key not in SAVED_WITH}


def _digest(directory: Path, patterns: tuple[str, ...]) -> str:
    files = {path.name: path for pattern in patterns for path in directory.glob(pattern)}
    total = hashlib.sha256()
    for name in sorted(files):
        total.update(f"{name}\0".encode() + _file_digest(files[name]))
    return total.hexdigest()


def _file_digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def load_model(
    directory: Path, *, dtype: Dtype, device: str, attention: str | None = None
) -> "PreTrainedModel":
    """The causal language model in ``directory``, for inference; ``attention`` replaces its own.

    Raises `ModelError` where the directory is missing, lacks a file or a weight, or cannot be read.
    """
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    _require(directory, "config.json")
    _require(directory, "*.safetensors")
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            directory,
            dtype=getattr(torch, dtype),
            attn_implementation=attention,
            local_files_only=True,
            output_loading_info=True,
        )
    except Exception as error:  # from_pretrained lets through whatever a file's reader raises
        raise ModelError(
            f"{directory}: not loadable as a causal language model: {error}"
        ) from error
    model, info = loaded
    if missing := sorted(info["missing_keys"]):
        raise ModelError(f"{directory}: its weights lack {', '.join(missing[:3])} ({len(missing)})")
    if attention:
        _require_plain(type(model), model.config, directory)
    on_device: PreTrainedModel = model.to(device).eval()
    return on_device


def check_model(directory: Path) -> None:
    """Raise `ModelError` for what loading would refuse, as far as the weights' headers tell it."""
    import_lean()
    from safetensors import SafetensorError, safe_open
    from transformers import AutoConfig, AutoModelForCausalLM

    _require(directory, "config.json")
    _require(directory, "*.safetensors")
    try:
        config = AutoConfig.from_pretrained(directory, local_files_only=True)
    except Exception as error:  # as in load_model
        raise ModelError(f"{directory}: its config.json cannot be used: {error}") from error
    if type(config) not in AutoModelForCausalLM._model_mapping:
        raise ModelError(f"{directory}: {config.model_type} is no causal language model")
    kind: Any = AutoModelForCausalLM._model_mapping[type(config)]
    _require_plain(kind, config, directory)
    for file in _weight_files(directory):
        try:
            with safe_open(file, framework="numpy"):
                pass
        except (SafetensorError, OSError) as error:
            raise ModelError(f"{file} is damaged: {error}; get it anew") from error
    _check_tokenizer(directory, config)


def _require_plain(
    kind: "type[PreTrainedModel]", config: "PretrainedConfig", directory: Path
) -> None:
    """Raise `ModelError` for a model that the transformers engine cannot drive."""
    capped = getattr(config, "attn_logit_softcapping", None)
    if capped or kind._is_stateful or not kind._supports_attention_backend:
        why = "caps attention scores (softcap)" if capped else "keeps its own attention or state"
        raise ModelError(
            f"{directory}: {kind.__name__} {why}, which the transformers engine cannot drive;"
            " use a model such as Llama, Qwen or GPT-NeoX"
        )


def _weight_files(directory: Path) -> list[Path]:
    """The weight files, those that an index names included."""
    named = {path.name for path in directory.glob("*.safetensors")}
    for index in directory.glob("*.safetensors.index.json"):
        try:
            named |= set(json.loads(index.read_text())["weight_map"].values())
        except (ValueError, KeyError) as error:
            raise ModelError(f"{index} is damaged: {error!r}; get it anew") from error
    return [directory / name for name in sorted(named)]


def _check_tokenizer(directory: Path, config: "PretrainedConfig") -> None:
    from transformers import GenerationConfig

    tokenizer = load_tokenizer(directory)
    generation: PretrainedConfig | GenerationConfig = config
    if (directory / "generation_config.json").is_file():
        try:
            generation = GenerationConfig.from_pretrained(directory, local_files_only=True)
        except Exception as error:  # as in load_model
            raise ModelError(f"{directory}: generation_config.json: {error}") from error
    end_tokens(generation, tokenizer, directory)
    known = int(config.get_text_config(decoder=True).vocab_size)
    size = tokenizer.hf.vocab_size  # without tokens that transformers adds of its own accord
    if size > known:
        raise ModelError(
            f"{directory}: its tokenizer has {size} tokens, its model knows {known}; "
            "they are not of one model"
        )


def context_length(directory: Path) -> int:
    """`max_length` of the model in a directory, from its configuration alone."""
    from transformers import AutoConfig

    return _max_length(AutoConfig.from_pretrained(directory, local_files_only=True))


def load_tokenizer(directory: Path) -> "Tokenizer":
    """The tokenizer in ``directory``; raises `ModelError` where there is none or it is broken."""
    from transformers import AutoTokenizer

    from cladeflow.models.tokenizer import Tokenizer

    _require(directory, "tokenizer_config.json")
    try:
        return Tokenizer(AutoTokenizer.from_pretrained(directory, local_files_only=True))
    except Exception as error:  # as above: json, tokenizers and transformers errors alike
        raise ModelError(f"{directory}: its tokenizer cannot be loaded: {error}") from error


def load_weights(model: "PreTrainedModel", directory: Path) -> None:
    """Copy the weights in ``directory`` into ``model``.

    Raises `ModelError`, with ``model`` as it was, where names or shapes differ.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    _require(directory, "*.safetensors")
    weights: dict[str, torch.Tensor] = {}
    try:
        for file in sorted(directory.glob("*.safetensors")):
            weights |= load_file(file, device=str(model.device))
    except SafetensorError as error:
        raise ModelError(f"{directory}: {file.name} is damaged: {error}") from error
    _require_same_shapes(model, weights, directory)
    model.load_state_dict(weights, strict=False)


def end_tokens(
    generation: "GenerationConfig | PretrainedConfig | None",
    tokenizer: "Tokenizer",
    directory: Path,
) -> list[int]:
    """Ids that end a completion, of the generation settings and of the tokenizer.

    Raises `ModelError` where there is none: a model that cannot end cannot answer.
    """
    configured = getattr(generation, "eos_token_id", None)
    configured = [] if configured is None else configured
    ends = {configured} if isinstance(configured, int) else set(configured)
    if tokenizer.end is not None:
        ends.add(tokenizer.end)
    if not ends:
        raise ModelError(
            f"{directory}: no end token; set eos_token in tokenizer_config.json or"
            " eos_token_id in generation_config.json"
        )
    return sorted(ends)


def max_length(model: "PreTrainedModel") -> int:
    """Tokens that the model reads at most; no more than its sliding window, where it has one."""
    return _max_length(model.config)


def _max_length(config: "PretrainedConfig") -> int:
    config = config.get_text_config(decoder=True)
    sliding = getattr(config, "use_sliding_window", True)
    limits = [
        getattr(config, "max_position_embeddings", None),
        getattr(config, "sliding_window", None) if sliding else None,
    ]
    return min((limit for limit in limits if limit), default=UNBOUNDED)


def vocabulary(model: "PreTrainedModel") -> int:
    """Number of logits, which may be more than the tokenizer's ids."""
    return int(model.config.get_text_config(decoder=True).vocab_size)


def column_bytes(model: "PreTrainedModel", dtype: "torch.dtype") -> int:
    """Bytes of the keys and values of one token."""
    config = model.config.get_text_config(decoder=True)
    heads = config.num_attention_heads
    key_heads = getattr(config, "num_key_value_heads", None) or heads
    size = getattr(config, "head_dim", None) or config.hidden_size // heads
    return int(2 * config.num_hidden_layers * key_heads * size * dtype.itemsize)


def _require_same_shapes(
    model: "PreTrainedModel", weights: dict[str, "torch.Tensor"], directory: Path
) -> None:
    """Tied weights may be absent: they follow the weight that they are tied to."""
    own = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    given = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    tied = set(model.all_tied_weights_keys)
    wrong = [n for n in own.keys() | given.keys() if own.get(n) != given.get(n)]
    wrong = sorted(name for name in wrong if not (name in tied and name not in given))
    if wrong:
        raise ModelError(
            f"{directory}: not the architecture of the loaded model: {wrong[0]} is"
            f" {given.get(wrong[0], 'absent')}, not {own.get(wrong[0], 'absent')}"
            " (a model of another shape needs an engine of its own)"
        )


def _require(directory: Path, pattern: str) -> None:
    if not directory.is_dir():
        raise ModelError(f"{directory}: no such directory; give a Hugging Face model directory")
    if not any(directory.glob(pattern)):
        raise ModelError(
            f"{directory}: not a model directory, {pattern} is missing"
            " (save one with save_pretrained, weights as safetensors, tokenizer beside them)"
        )
