"""Cladeflow: a pipeline in which a language-model agent keeps improving itself."""

__version__ = "0.1.0"
