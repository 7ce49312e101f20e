"""Critique: what is said of an attempt, by its environment or by a model."""

from cladeflow.critique.base import Critic
from cladeflow.critique.env_feedback import EnvFeedback
from cladeflow.critique.llm_critique import LlmCritique

__all__ = ["Critic", "EnvFeedback", "LlmCritique"]
