"""Models: the engines that run them, their tokenizers and the contexts they continue."""

from cladeflow.models.engine import Completion, Engine, Request, Sampling

__all__ = ["Completion", "Engine", "Request", "Sampling"]
