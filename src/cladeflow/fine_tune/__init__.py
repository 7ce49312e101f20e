"""Fine-tuning: builders of training examples, objectives, and the one loop that trains on them."""

from cladeflow.fine_tune.base import Builder, LossTokens, Objective, RoundData
from cladeflow.fine_tune.positives import Positives
from cladeflow.fine_tune.sequences import TokenSequence
from cladeflow.fine_tune.settings import TrainResult, TrainSettings
from cladeflow.fine_tune.sft import Sft

__all__ = [
    "Builder",
    "LossTokens",
    "Objective",
    "Positives",
    "RoundData",
    "Sft",
    "TokenSequence",
    "TrainResult",
    "TrainSettings",
]
