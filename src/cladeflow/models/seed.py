"""Training of the embedded seed model: ``python -m cladeflow.models.seed DIRECTORY``.

The seed is a small Llama that has mastered the primitives of the reasoning environment and has
had a glimpse of its frontier: enough to succeed there now and then, which is what self-training
needs to start from. It can also judge and revise attempts. It trains in minutes on one CPU core,
and two runs with the same versions of everything give the same files.
"""

from typing import NamedTuple

SPECIAL = ("<pad>", "</s>", "<unk>")
WORDS = ("chain ", "add ", "make ", " from ", "judge ", "revise ", "err ", "ok")
CHARACTERS = ("\n", *map(chr, range(32, 127)))
IGNORED = -100
"""Label of positions that are no part of the loss."""
POOL = 2048
"""Examples drawn at a time and batched by length."""


class Phase(NamedTuple):
    """A stretch of training: its length in padded tokens, and the share of the frontier in it."""

    tokens: int
    frontier: float
    learning_rate: float


PHASES = (Phase(4_000_000, 0.0, 1.0), Phase(500_000, 0.05, 0.3))
