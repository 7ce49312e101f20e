"""AdamW with clipping and a warm-up and cosine schedule of the learning rate."""

from math import ceil, cos, pi
from typing import Any

import torch
from torch import nn

from cladeflow.fine_tune.settings import TrainSettings


def learning_rate(step: int, steps: int, settings: TrainSettings) -> float:
    """Learning rate of optimiser step ``step`` of ``steps``, counted from 0.

    Linear from peak / warm-up to the peak, then half a cosine down to floor × peak at the last.
    """
    peak, floor = settings.learning_rate, settings.floor
    warm = ceil(settings.warmup_ratio * steps)
    if step < warm:
        return peak * (step + 1) / warm
    done = (step - warm) / max(1, steps - 1 - warm)
    return peak * (floor + (1 - floor) * (1 + cos(pi * done)) / 2)


class Optimiser:
    """AdamW (Loshchilov and Hutter 2019); weights that are no matrices do not decay."""

    def __init__(self, model: nn.Module, settings: TrainSettings, steps: int) -> None:
        self._settings = settings
        self._steps = steps
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        """What is trained."""
        matrices = [p for p in self.parameters if p.ndim > 1]
        vectors = [p for p in self.parameters if p.ndim < 2]
        groups = [
            {"params": matrices, "weight_decay": settings.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ]
        self._adam = torch.optim.AdamW(
            [group for group in groups if group["params"]],
            lr=settings.learning_rate,
            betas=settings.betas,
            fused=True,
        )

    def step(self, step: int) -> float:
        """Take step ``step``, clear the gradients, and return their global norm before clipping."""
        norm = nn.utils.clip_grad_norm_(self.parameters, self._settings.clip)
        for group in self._adam.param_groups:
            group["lr"] = learning_rate(step, self._steps, self._settings)
        self._adam.step()
        self._adam.zero_grad()
        return float(norm)

    def state(self) -> dict[str, Any]:
        """Moments and step counts, for `restore`."""
        return self._adam.state_dict()

    def restore(self, state: dict[str, Any]) -> None:
        """Take up where `state` was taken."""
        self._adam.load_state_dict(state)
