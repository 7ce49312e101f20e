"""Training on groups of samples with each distinct prefix laid out once, and without that.

    OMP_WAIT_POLICY=PASSIVE python -m benchmarks.prefixes --json out.json

Steps of 16 prompts with 8 samples each, as in group-relative policy optimisation, prompts of equal
length and samples of 20 to 80 tokens, a Llama of about a million parameters. The two sides differ
in nothing but the sharing. Speed is in unpadded tokens per second, shared ones counted for every
sample that has them.
"""

import argparse
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.timing import Timing, compare, parser, run, table
from benchmarks.training import LONGEST, SHORTEST, VOCABULARY, Load, make_load, trained
from cladeflow.records import SftExample, Step

PROMPTS, SAMPLES = 16, 8
PROMPT_LENGTHS = (10, 40, 160)
STEPS = 4


def make_examples(prompt_length: int) -> list[SftExample]:
    """The groups of a step."""
    rng = np.random.default_rng(0)

    def some(length: int) -> tuple[int, ...]:
        return tuple(rng.integers(2, VOCABULARY, size=length).tolist())

    lengths = rng.integers(SHORTEST, LONGEST + 1, size=(PROMPTS, SAMPLES))
    prompts = [some(prompt_length) for _ in range(PROMPTS)]
    return [
        SftExample(prompt=prompt, steps=(Step(i=0, text="", tokens=some(length)),))
        for prompt, row in zip(prompts, lengths, strict=True)
        for length in row
    ]


def shared(load: Load, examples: Sequence[SftExample]) -> Timing:
    each = sum(len(e.prompt) + len(e.steps[0].tokens or ()) for e in examples)
    return trained(load, examples, STEPS * each, token_batch=each, epochs=STEPS)


def apart(load: Load, examples: Sequence[SftExample]) -> Timing:
    with patch("cladeflow.fine_tune.packing._alike", return_value=0):
        return shared(load, examples)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Both sides in turn, for every length of prompts."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as root:
        load = make_load(Path(root), 0, options.dtype)
        for length in PROMPT_LENGTHS:
            examples = make_examples(length)
            sides = partial(shared, load, examples), partial(apart, load, examples)
            for side in sides:
                side()  # compile
            found[str(length)] = compare(*sides, options.pairs)
            print(table(f"prompts of {length} tokens", "shared", "apart", found[str(length)]))
    return found


def main() -> None:
    options = parser(__doc__).parse_args()
    run(options, partial(measure, options))


if __name__ == "__main__":
    main()
