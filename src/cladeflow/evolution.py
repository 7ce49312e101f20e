"""An evolution from the outside: start it or take it up, and run its generations."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from cladeflow.archive.archive import Archive
from cladeflow.archive.lease import Lease
from cladeflow.environments.base import Environment
from cladeflow.home import Home
from cladeflow.models.binding import initial_ref, parameters, prompt_kind
from cladeflow.recipes import Resolved, resolve, scale_for
from cladeflow.records import Agent, Scaffold
from cladeflow.runners import inline, subprocess
from cladeflow.session import Progress, Session
from cladeflow.tracking.background import Projector
from cladeflow.views import GenerationView, generation_views

RUNNERS: dict[str, Callable[[Session, int], None]] = {
    "inline": inline.run,
    "subprocess": subprocess.run,
}
DEFAULT_RECIPE = "default"
SEED_MODELS = {"reasoning": "seed-reasoning-1", "toolbox": "seed-reasoning-1"}
"""The embedded model that an environment's recipes start from where no model is given."""


class Wish(NamedTuple):
    """What a command asks for; None and () mean: as it was, or the default."""

    recipe: str | None = None
    model: Path | None = None
    environments: tuple[str, ...] = ()
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


def evolve(
    home: Home,
    wish: Wish,
    generations: int,
    runner: str,
    progress: Progress,
    say: Callable[[str], None],
) -> list[GenerationView]:
    """Run ``home`` until it has so many generations, resuming whatever was begun.

    Raises `CladeflowError` before anything is written where the wish cannot be met.
    """
    start = _start(home, wish)
    home.create()
    with Archive.create(home.archive_url) as archive, Lease(archive):
        if start is not None:
            archive.start_evolution(start.resolved, start.seed, start.initial)
        done = finished(archive)
        with Session(home, progress) as session, Projector(home, say) as projector:
            projector.project()
            if done:  # an alias that was moved by hand since the last command counts from now on
                projector.wait()
            if done >= generations:
                say(_nothing_left(home, done))
            for generation in range(done + 1, generations + 1):
                projector.honour(archive)
                RUNNERS[runner](session, generation)
                projector.project()
            projector.wait()
            projector.honour(archive)
            return generation_views(session)


def finished(archive: Archive) -> int:
    """Generations whose children all have their fate in the archive."""
    return max((member.agent.gen for member in archive.agents()), default=0)


def _nothing_left(home: Home, done: int) -> str:
    return (
        f"{home.directory} has its {done} generations; "
        f"'cladeflow evolve --home {home.directory} --generations {done + 5}' goes on to more"
    )


def _start(home: Home, wish: Wish) -> Start | None:
    """What the evolution is determined by; None where the home goes on as it is."""
    if not home.exists:
        return _resolve(home, wish)
    with Archive.open(home.archive_url) as archive:
        if not archive.started:
            return _resolve(home, wish)
        known = archive.evolution
        if wish.is_open:
            return None
        initial = archive.agent("initial").agent
    asked = wish._replace(
        recipe=wish.recipe or known.recipe,
        scale=wish.scale or known.scale,
        seed=known.seed if wish.seed is None else wish.seed,
    )
    return _resolve(home, asked, None if wish.model else initial.weights["actor"])


def _resolve(home: Home, wish: Wish, model_ref: str | None = None) -> Start:
    """The composition and the initial agent that a wish asks for."""
    store = home.store()
    settings = list(wish.settings)
    if wish.deterministic:
        settings.append("scale.dtype=float32")
    recipe = wish.recipe or DEFAULT_RECIPE
    scale = wish.scale or "tiny"
    resolved = resolve(recipe, scale=scale, settings=settings, environments=wish.environments)
    built = [entry.build() for entry in resolved.recipe.environments]
    environments = [env for env in built if isinstance(env, Environment)]
    ref = model_ref or initial_ref(wish.model, SEED_MODELS[environments[0].name])
    if wish.scale is None:
        scale = scale_for(parameters(store, ref))
        resolved = resolve(recipe, scale=scale, settings=settings, environments=wish.environments)
    kind = prompt_kind(store, ref)
    prompts = {env.name: env.prompt_formats[kind] for env in environments}
    initial = Agent(weights={"actor": ref}, scaffold=Scaffold(prompts=prompts))
    return Start(resolved, wish.seed or 0, initial)
