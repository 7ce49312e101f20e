"""Verification: what is made of attempts, by checkers, votes and the model's own confidence."""

from cladeflow.verification.base import Group, Verification, VerifyContext
from cladeflow.verification.confidence import Confidence
from cladeflow.verification.majority_vote import MajorityVote
from cladeflow.verification.refinement_gain import RefinementGain
from cladeflow.verification.shuffled import Shuffled
from cladeflow.verification.verifiable_reward import VerifiableReward

__all__ = [
    "Confidence",
    "Group",
    "MajorityVote",
    "RefinementGain",
    "Shuffled",
    "VerifiableReward",
    "Verification",
    "VerifyContext",
]
