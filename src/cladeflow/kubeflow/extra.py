"""The packages that a laptop installation lacks."""

from cladeflow.errors import CladeflowError


def missing(package: str, error: ImportError) -> CladeflowError:
    """What to do where a package of the extra ``kubeflow`` cannot be imported."""
    return CladeflowError(
        f"{package} cannot be imported ({error}); install it with pip install 'cladeflow[kubeflow]'"
    )
