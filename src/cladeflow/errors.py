"""The errors a user can cause. The CLI prints them without a traceback and exits with 2."""


class CladeflowError(Exception):
    """Something the user can put right.

    The message says what is wrong, where, and what to do about it.
    """


class RecipeError(CladeflowError):
    """A recipe, scale or ``--set`` that does not load, or whose parts do not fit together."""


class StoreError(CladeflowError):
    """A damaged, missing or unwritable part of the store; the message names the file."""


class HomeError(CladeflowError):
    """A home that cannot be used: leased, of another evolution, unwritable or of a newer schema."""


class ModelError(CladeflowError):
    """A model directory that is missing, broken or unfit for its role."""
