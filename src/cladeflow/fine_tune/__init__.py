"""Fine-tuning: builders of training examples, objectives, and the one loop that trains on them."""

from cladeflow.fine_tune.base import Builder, LossTokens, Objective, RoundData
from cladeflow.fine_tune.dpo import Dpo
from cladeflow.fine_tune.grpo import Grpo
from cladeflow.fine_tune.nft import Nft
from cladeflow.fine_tune.outcome_pairs import OutcomePairs
from cladeflow.fine_tune.positives import Positives
from cladeflow.fine_tune.revision_splice import RevisionSplice
from cladeflow.fine_tune.rl_batch import RlBatch
from cladeflow.fine_tune.sequences import TokenSequence
from cladeflow.fine_tune.settings import TrainResult, TrainSettings
from cladeflow.fine_tune.sft import Sft
from cladeflow.fine_tune.unpaired import Unpaired

__all__ = [
    "Builder",
    "Dpo",
    "Grpo",
    "LossTokens",
    "Nft",
    "Objective",
    "OutcomePairs",
    "Positives",
    "RevisionSplice",
    "RlBatch",
    "RoundData",
    "Sft",
    "TokenSequence",
    "TrainResult",
    "TrainSettings",
    "Unpaired",
]
