"""What a training run is told, and what it says of itself."""

from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Field

from cladeflow.recipes.model import Dtype, Training

Layout = Literal["auto", "packed", "padded"]
FREE = frozenset({"micro_tokens", "checkpoint_every"})
"""Settings that are no part of what is learned: how a step is cut up, and how often it is saved.

After a step that ran out of memory the same run goes on with smaller micro-batches.
"""


class TrainSettings(Training):
    """The scale's constants of optimisation, and what belongs to one run.

    ``dtype`` bfloat16 computes under autocast with float32 master weights and optimiser state, so
    that small learning rates are not rounded away; the saved directory has this dtype.
    """

    floor: float = Field(default=0.1, ge=0, le=1)
    """Learning rate at the end of the cosine, as a share of its peak."""
    betas: tuple[float, float] = (0.9, 0.95)
    dtype: Dtype = "float32"
    layout: Layout = "auto"
    """How a micro-batch is laid out; auto packs wherever that is exact."""
    max_length: int | None = Field(default=None, gt=1)
    """Longer sequences are cut at the end, and counted; None is the model's own limit."""
    loss_tokens: int | None = Field(default=None, gt=0)
    """Train on so many loss tokens, whatever number of epochs that takes (to within an example)."""
    seed: str
    """Key of the generator that orders the examples."""


class TrainResult(NamedTuple):
    """What a run did. Losses are per unit of the objective; ``seconds`` are this process's."""

    model: Path
    steps: int
    tokens: int
    """Unpadded tokens read, prompts included."""
    loss_tokens: int
    loss_first: float
    loss_last: float
    loss_sum: float
    """Over the steps."""
    grad_norm: float
    """Global norm of the last step's gradient, before clipping."""
    grad_norm_sum: float
    """Over the steps."""
    kl: dict[str, float]
    """Mean k3 estimate per loss token of the last step, by what the objective compares with."""
    truncated: int
    """Sequences cut at the model's limit."""
    skipped: int
    """Examples left out because no token of theirs counts in the loss."""
    layout: Layout
    seconds: float
