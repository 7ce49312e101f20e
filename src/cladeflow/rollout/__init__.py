"""Rollout: strategies that attempt tasks; a scheduler batches what they ask of models."""

from cladeflow.rollout.base import Rollout
from cladeflow.rollout.sample import Sample
from cladeflow.rollout.self_refine import SelfRefine

__all__ = ["Rollout", "Sample", "SelfRefine"]
