"""From what a user names as a model to a Ref and the way to prompt it."""

import json
from collections.abc import Mapping
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
    return seed_ref(seed_name) if model is None else _usable_ref(model)


def external_directories(roles: Mapping[str, str]) -> dict[str, Path]:
    """Where the models lie that roles are bound to outside of the evolution (``path:DIR``).

    Raises `ModelError`, naming role and binding, for one that cannot be reached yet.
    """
    found = {}
    for role, binding in roles.items():
        scheme, colon, address = binding.partition(":")
        if colon and scheme != "path":
            raise ModelError(
                f"roles.{role}: {binding} cannot be reached in this version; "
                "download the model and bind the role to path:DIR"
            )
        if colon:
            found[role] = Path(address).expanduser()
    return found


def external_refs(roles: Mapping[str, str]) -> dict[str, str]:
    """Refs of the models that roles are bound to outside of the evolution, as they are now.

    Raises `ModelError`, naming role and binding, for one that no run could use.
    """
    found = {}
    for role, directory in external_directories(roles).items():
        try:
            found[role] = _usable_ref(directory)
        except ModelError as error:
            raise ModelError(f"roles.{role}: {roles[role]}: {error}") from error
    return found


def _usable_ref(directory: Path) -> str:
    from cladeflow.models.loading import check_model

    ref = directory_ref(directory)
    check_model(directory)
    return ref


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
