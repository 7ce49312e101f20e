"""From a recipe and a profile to the YAML that Kubeflow Pipelines runs."""

import sys
import tempfile
import warnings
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import cladeflow
from cladeflow.errors import CladeflowError
from cladeflow.home import Home
from cladeflow.kubeflow.extra import missing
from cladeflow.kubeflow.orders import Terms
from cladeflow.kubeflow.profile import Profile
from cladeflow.kubeflow.tasks import tasks
from cladeflow.plan.model import Population
from cladeflow.recipes.model import Recipe
from cladeflow.start import Start, Wish, start


def require_kfp() -> None:
    """Raise `CladeflowError` where the kubeflow extra is not installed."""
    try:
        import_module("kfp")
    except ImportError as error:
        raise missing("kfp", error) from error


def recipe_pipeline(
    recipe: Recipe,
    profile: Profile,
    generations: int = 1,
    begun: Start | None = None,
    schedule: Mapping[str, Any] | None = None,
    population: Population | None = None,
) -> Any:
    """The kfp pipeline of so many generations of a recipe, ready to be compiled or run.

    ``begun`` is what its first plan founds the evolution with, where the home holds none;
    ``schedule`` what it looks at before, to do nothing where a run must not begin; ``population``
    how many children each generation has, and of how many parents.
    """
    population = population or Population()
    # Complaints come before kfp's slow import.
    found = tasks(recipe, profile, generations, population.children)
    kind = "generation" if recipe.rounds else "evaluate_only"
    name = f"cladeflow-{recipe.name}".replace("_", "-")
    terms = Terms(
        start=begun and _fields(begun),
        population=population.model_dump(exclude_defaults=True) or None,
        schedule=schedule,
    )
    return _defined(kind, name, found, profile, terms)


def rollback_pipeline(profile: Profile) -> Any:
    """The kfp pipeline that puts a former champion in charge again, whatever the recipe."""
    return _defined("rollback", profile)


def _defined(kind: str, *about: Any) -> Any:
    """What ``pipelines/<kind>`` defines."""
    require_kfp()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # kfp's deprecations of itself
        return _definition(kind).pipeline(*about)


def compiled(pipeline: Any) -> str:
    """The pipeline as YAML: the PipelineSpec, then what it asks of Kubernetes."""
    from kfp.compiler import Compiler

    with tempfile.TemporaryDirectory() as directory, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(directory) / "pipeline.yaml"
        Compiler().compile(pipeline, str(path))
        return path.read_text()


def founding(wish: Wish) -> Start:
    """What an evolution in an empty home would start from; raises what `start` raises."""
    with tempfile.TemporaryDirectory() as nowhere:
        begun = start(Home(Path(nowhere)), wish)
    assert begun is not None  # an empty home goes on with nothing
    return begun


def _fields(begun: Start) -> dict[str, Any]:
    """``begun`` as a plan's call holds it."""
    return {
        "resolved": begun.resolved.model_dump(mode="json"),
        "seed": begun.seed,
        "initial": begun.initial.model_dump(mode="json"),
    }


def _definition(kind: str) -> Any:
    """The module ``pipelines.<kind>.pipeline`` of the source tree that this package lies in."""
    root = Path(cladeflow.__file__).resolve().parents[2]
    if not (root / "pipelines" / kind / "pipeline.py").is_file():
        raise CladeflowError(
            "pipelines/ and components/ are part of the source repository and not installed: "
            "compile in a checkout of it, or submit the default recipe's pipeline, which ships"
        )
    if str(root) not in sys.path:
        sys.path.append(str(root))
    return import_module(f"pipelines.{kind}.pipeline")
