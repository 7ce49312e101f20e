"""A small evolution made in the test's own process, without MLflow: seconds, and every stage."""

from pathlib import Path

from cladeflow.archive.archive import Archive
from cladeflow.environments import Reasoning
from cladeflow.home import Home
from cladeflow.recipes import resolve
from cladeflow.records import Agent, Scaffold
from cladeflow.runners import inline
from cladeflow.session import Session
from cladeflow.store import seed_ref
from tests.micro import MICRO

SEED = "seed-reasoning-1"


def start(directory: Path, settings: tuple[str, ...] = MICRO, recipe: str = "default") -> Home:
    """A home with an evolution in it that has no generation yet."""
    home = Home(directory)
    home.create()
    initial = Agent(
        weights={"actor": seed_ref(SEED)},
        scaffold=Scaffold(prompts={"reasoning": Reasoning.prompt_formats["seed"]}),
    )
    resolved = resolve(recipe, scale="tiny", settings=list(settings))
    with Archive.create(home.archive_url) as archive:
        archive.start_evolution(resolved, 0, initial)
    return home


def evolve(home: Home, generation: int) -> None:
    """Run one generation."""
    with Session(home) as session:
        inline.run(session, generation)
