"""From what a user names as a model to a Ref and the way to prompt it."""

import json
from pathlib import Path
from typing import Literal

from cladeflow.errors import ModelError
from cladeflow.store import directory_ref, materialise, seed_ref
from cladeflow.store.base import Store

PromptKind = Literal["seed", "chat", "base"]
PROMPT_MARK = "cladeflow_prompt"
"""Key of config.json by which an exported model says that it speaks the seed grammar."""


def initial_ref(model: Path | None, seed_name: str) -> str:
    """Ref of the model an evolution starts from: a user's directory, or the embedded seed.

    Raises `ModelError` for a directory that no run could use.
    """
    if model is None:
        return seed_ref(seed_name)
    from cladeflow.models.loading import check_model

    ref = directory_ref(model)
    check_model(model)
    return ref


def external_ref(binding: str) -> str:
    """Ref of a role bound to ``path:DIR``; raises `ModelError` for what cannot be reached yet."""
    scheme, _, address = binding.partition(":")
    if scheme != "path":
        raise ModelError(
            f"roles: {binding} cannot be reached in this version; "
            "download the model and bind the role to path:DIR"
        )
    return directory_ref(Path(address).expanduser())


def prompt_kind(store: Store, ref: str) -> PromptKind:
    """Which of an environment's prompt formats suits a model."""
    directory = materialise(store, ref)
    if _read(directory / "config.json").get(PROMPT_MARK) == "seed":
        return "seed"
    chat = (directory / "chat_template.jinja").exists()
    return (
        "chat" if chat or "chat_template" in _read(directory / "tokenizer_config.json") else "base"
    )


def parameters(store: Store, ref: str) -> int:
    """Number of parameters, read from the headers of the weight files alone."""
    total = 0
    for path in sorted(materialise(store, ref).glob("*.safetensors")):
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length))
        shapes = (entry["shape"] for name, entry in header.items() if name != "__metadata__")
        for shape in shapes:
            size = 1
            for dimension in shape:
                size *= dimension
            total += size
    return total


def _read(path: Path) -> dict[str, object]:
    try:
        content = json.loads(path.read_text()) if path.exists() else {}
    except ValueError as error:
        raise ModelError(f"{path} is not JSON ({error}); the model directory is broken") from error
    return content if isinstance(content, dict) else {}
