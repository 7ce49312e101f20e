"""Sequences of different lengths as rectangles, padded on the right."""

from collections.abc import Sequence

import numpy as np
import torch


def pad(sequences: Sequence[Sequence[int]], device: torch.device) -> torch.Tensor:
    """[sequences, longest] ids; any id will do as padding: no token before it can see it."""
    ids = np.zeros((len(sequences), max(map(len, sequences))), np.int64)
    for row, sequence in zip(ids, sequences, strict=True):
        row[: len(sequence)] = sequence
    return torch.from_numpy(ids).to(device)


def parts(sizes: Sequence[int], budget: int) -> list[list[int]]:
    """Indices of ``sizes``, longest first, cut where a padded part would exceed ``budget``."""
    found: list[list[int]] = []
    for i in sorted(range(len(sizes)), key=lambda i: -sizes[i]):
        if found and (len(found[-1]) + 1) * sizes[found[-1][0]] <= budget:
            found[-1].append(i)
        else:
            found.append([i])
    return found
