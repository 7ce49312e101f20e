"""What an evolution starts from: what a command asks for, resolved before anything is written."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cladeflow.archive.archive import Archive
from cladeflow.environments.base import Environment
from cladeflow.errors import CladeflowError
from cladeflow.home import Home
from cladeflow.models.binding import external_directories, initial_ref, parameters, prompt_kind
from cladeflow.models.templates import chosen_template, read_template
from cladeflow.recipes import Recipe, Resolved, Scale, resolve, scale_for, stored
from cladeflow.recipes.parse import catalogue
from cladeflow.records import Agent, Scaffold
from cladeflow.store import materialise

DEFAULT_RECIPE = "default"
RECIPES = {"task_file": "star"}
"""The recipe for an environment whose steps cannot be checked, where none is given."""
SEED_MODELS = {"reasoning": "seed-reasoning-1", "toolbox": "seed-reasoning-1"}
"""The embedded model that an environment's recipes start from where no model is given."""
UNTAUGHT = frozenset({"toolbox"})
"""Environments whose tasks it can answer only after it has learned from demonstrations."""


class Wish(NamedTuple):
    """What a command asks for; None and () mean: as it was, or the default."""

    recipe: str | None = None
    model: Path | None = None
    tasks: tuple[str, ...] = ()
    """Environments by name, and files of tasks."""
    checker: str | None = None
    tolerance: float | None = None
    prompt: Path | None = None
    seed: int | None = None
    scale: str | None = None
    settings: tuple[str, ...] = ()
    deterministic: bool = False

    @property
    def is_open(self) -> bool:
        """Whether nothing is asked for that could differ from what a home holds."""
        return self == Wish(deterministic=self.deterministic)


class Start(NamedTuple):
    """What determines an evolution."""

    resolved: Resolved
    seed: int
    initial: Agent


def start(home: Home, wish: Wish) -> Start | None:
    """What the evolution is determined by; None where the home goes on as it is.

    What a wish leaves open is as the home has it. Raises `CladeflowError` where the wish cannot be
    met.
    """
    if not home.exists:
        return _resolve(home, wish)
    with Archive.open(home.archive_url) as archive:
        if not archive.started:
            return _resolve(home, wish)
        known = archive.evolution
        resolved = stored(known.resolved, str(home.directory))
        _require_repeatable(home, wish, resolved)
        if wish.is_open:
            return None
        initial = archive.agent("initial").agent
    return _resolve(home, wish, Start(resolved, known.seed, initial))


def _require_repeatable(home: Home, wish: Wish, resolved: Resolved) -> None:
    """Raise `CladeflowError` where a home cannot go on with ``--deterministic``."""
    dtype = resolved.scale.dtype
    if wish.deterministic and dtype != "float32":
        raise CladeflowError(
            f"--deterministic means float32, and {home.directory} computes in {dtype}: leave it "
            "out, or start anew with another --home"
        )


def _environments(wish: Wish) -> list[Any]:
    """Recipe entries of what ``--tasks`` names."""
    files = [name for name in wish.tasks if _is_file(name)]
    if len(files) > 1:
        raise CladeflowError(
            f"--tasks: one file per evolution, not {' and '.join(files)}; put their lines together"
        )
    given = {"checker": wish.checker, "tolerance": wish.tolerance}
    options = {name: value for name, value in given.items() if value is not None}
    if options and not files:
        raise CladeflowError(f"--{next(iter(options))} is about a file of tasks: add --tasks FILE")
    return [
        {"task_file": {"path": name, **options}} if name in files else name for name in wish.tasks
    ]


def _is_file(name: str) -> bool:
    """Whether ``--tasks`` means a file: by its looks, or because it is there."""
    if name in catalogue()["environment"]:
        return False
    return "/" in name or Path(name).suffix in (".jsonl", ".json") or Path(name).is_file()


def _resolve(home: Home, wish: Wish, known: Start | None = None) -> Start:
    """The composition and the initial agent that a wish asks for, beyond what is ``known``."""
    environments = _environments(wish)
    recipe: str | Recipe = wish.recipe or _usual_recipe(environments)
    scale: str | Scale = wish.scale or "tiny"
    if not -(2**63) <= (wish.seed or 0) < 2**63:
        raise CladeflowError(f"--seed {wish.seed}: the archive holds whole numbers of 64 bits")
    seed, initial = 0, None
    if known is not None:
        seed, initial = known.seed, known.initial
        recipe = wish.recipe or known.resolved.recipe
        scale = wish.scale or known.resolved.scale
    settings = [*wish.settings, *(["scale.dtype=float32"] if wish.deterministic else [])]
    resolved = resolve(recipe, scale=scale, settings=settings, environments=environments)
    external_directories(resolved.recipe.roles)  # raises for what cannot be reached yet
    ref = _model(wish, resolved, initial)
    if wish.scale is None and known is None:
        fitting = scale_for(parameters(home.store(), ref))
        resolved = resolve(recipe, scale=fitting, settings=settings, environments=environments)
    prompts = _prompts(home, wish, resolved, ref, initial)
    first = Agent(weights={"actor": ref}, scaffold=Scaffold(prompts=prompts))
    return Start(resolved, seed if wish.seed is None else wish.seed, first)


def _usual_recipe(environments: Sequence[Any]) -> str:
    names = [next(iter(entry)) if isinstance(entry, dict) else entry for entry in environments]
    return next((RECIPES[name] for name in names if name in RECIPES), DEFAULT_RECIPE)


def _model(wish: Wish, resolved: Resolved, known: Agent | None) -> str:
    """Ref of the model to start from."""
    if known is not None and wish.model is None:
        return known.weights["actor"]
    name = resolved.recipe.environments[0].name
    if wish.model is None and name not in SEED_MODELS:
        raise CladeflowError(
            f"{name} needs a model of yours: add --model DIR, a Hugging Face directory "
            f"(the embedded model knows {' and '.join(SEED_MODELS.keys() - UNTAUGHT)} only)"
        )
    if wish.model is None:
        _require_answers(resolved.recipe)
    return initial_ref(wish.model, SEED_MODELS.get(name, ""))


def _require_answers(recipe: Recipe) -> None:
    """Raise `CladeflowError` where a recipe would select from nothing that can be read."""
    names = {entry.name for entry in recipe.environments}
    if recipe.samples_first and names <= UNTAUGHT:
        raise CladeflowError(
            f"the embedded model has never seen {' and '.join(sorted(names))}, and {recipe.name} "
            "begins with its answers: add --model DIR, or take a recipe that begins with "
            "demonstrations, such as agentevol"
        )


def _prompts(
    home: Home, wish: Wish, resolved: Resolved, ref: str, known: Agent | None
) -> dict[str, str]:
    """The prompt template by environment: as it was, as given, or what suits the model."""
    built = [entry.build() for entry in resolved.recipe.environments]
    environments = [env for env in built if isinstance(env, Environment)]
    if wish.prompt is not None:
        if len(environments) > 1:
            raise CladeflowError("--prompt is for one environment: give one --tasks with it")
        offered = {environments[0].name: [read_template(wish.prompt)]}
    elif known is not None and known.scaffold.prompts.keys() == {env.name for env in environments}:
        return known.scaffold.prompts
    else:
        kind = prompt_kind(home.store(), ref)
        offered = {env.name: list(env.prompts(kind)) for env in environments}
    texts = {env.name: env.texts() for env in environments}
    if wish.model is None:
        return {name: templates[0] for name, templates in offered.items()}
    directory, limit = materialise(home.store(), ref), resolved.scale.max_tokens
    return {
        name: chosen_template(directory, templates, texts[name], limit)
        for name, templates in offered.items()
    }
