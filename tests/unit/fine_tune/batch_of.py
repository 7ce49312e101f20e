"""Loss tokens as an objective sees them, from its own sequences."""

from collections.abc import Sequence

import torch

from cladeflow.fine_tune import LossTokens, Objective
from cladeflow.fine_tune.packing import pad_right
from cladeflow.records import TrainingExample


def batch_of(objective: Objective, examples: Sequence[TrainingExample]) -> LossTokens:
    groups = [objective.sequences(example, None) for example in examples]
    return pad_right(groups, torch.device("cpu")).loss_tokens
