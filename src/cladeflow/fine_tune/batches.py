"""Which examples each optimiser step sees."""

import hashlib
from collections.abc import Sequence

import numpy as np

from cladeflow.fine_tune.settings import TrainSettings


def token_batches(sizes: Sequence[int], settings: TrainSettings) -> list[list[int]]:
    """Indices of the examples of each optimiser step; ``sizes`` are their unpadded tokens.

    Every epoch visits the examples in an order of its own, a broken one as many as its fraction.
    Steps are cut from the whole sequence of visits: each holds at most ``token_batch`` tokens, or
    one example, so that only the last is small. Equal arguments give equal batches.
    """
    batches: list[list[int]] = []
    room = 0
    for index in _visits(len(sizes), settings):
        if not batches or sizes[index] > room:
            batches.append([])
            room = settings.token_batch
        batches[-1].append(index)
        room -= sizes[index]
    return batches


def _visits(count: int, settings: TrainSettings) -> list[int]:
    visits: list[int] = []
    total = max(1, round(count * settings.epochs))
    while len(visits) < total:
        epoch = len(visits) // count
        seed = hashlib.sha256(f"{settings.seed}/epoch/{epoch}".encode()).digest()
        generator = np.random.Generator(np.random.Philox(int.from_bytes(seed[:16])))
        visits += generator.permutation(count).tolist()
    return visits[:total]
