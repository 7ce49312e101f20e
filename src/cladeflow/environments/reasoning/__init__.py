"""Arithmetic reasoning, one step per line: chains, addition with carries, countdown."""

from cladeflow.environments.reasoning.environment import Reasoning

__all__ = ["Reasoning"]
