"""Models from outside of an evolution that its roles are bound to."""

from pathlib import Path


def bound_to(model: Path) -> str:
    """The setting that makes a directory's model the critic."""
    return f"roles={{actor: current, critic: 'path:{model}'}}"


def flip(model: Path) -> None:
    """Flip the lowest bit of the last weight; flipped again, the model is what it was."""
    weights = model / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-4] ^= 1
    weights.write_bytes(content)
