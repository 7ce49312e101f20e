"""Homes in which an evolution was begun, and the digests of what a generation committed there."""

from pathlib import Path

from cladeflow.archive.archive import Archive
from cladeflow.home import Home
from cladeflow.recipes import resolve
from cladeflow.records import Agent, Scaffold
from cladeflow.session import Session
from cladeflow.store import Commit, seed_ref
from cladeflow.visit import Visit
from tests.micro import MICRO


def begun(directory: Path, recipe: str = "default", *settings: str) -> Home:
    """A home at micro scale whose first generation is still to be planned."""
    resolved = resolve(recipe, scale="tiny", settings=[*MICRO, *settings])
    scaffold = Scaffold(prompts={"reasoning": "{task}\n"})
    initial = Agent(weights={"actor": seed_ref("seed-reasoning-1")}, scaffold=scaffold)
    home = Home(directory)
    home.create()
    with Archive.create(home.archive_url) as archive:
        archive.start_evolution(resolved, 0, initial)
    return home


def commits(session: Session, generation: int = 1) -> dict[str, Commit]:
    """What is committed of a generation, by call."""
    visit = Visit(session)
    found = {str(node.call): visit.found(node) for node in visit.nodes(generation)}
    return {call: commit for call, commit in found.items() if commit is not None}


def digests(home: Home, generation: int = 1) -> dict[str, str]:
    """Digest by call of what is committed of a generation."""
    with Session(home) as session:
        return {call: commit.digest for call, commit in commits(session, generation).items()}
