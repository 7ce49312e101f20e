"""A small archive on the disk, and agents to put into it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cladeflow.archive.archive import Archive
from cladeflow.recipes import Resolved, load_recipe, load_scale
from cladeflow.records import Agent, digest
from tests.postgresql_server import PostgresqlServer

MakeAgent = Callable[..., Agent]


@pytest.fixture(scope="session")
def resolved() -> Resolved:
    return Resolved(recipe=load_recipe("star"), scale=load_scale("tiny"))


@pytest.fixture(scope="session")
def make_agent() -> MakeAgent:
    def make(name: str, *parents: Agent, gen: int = 1) -> Agent:
        weights = {"actor": f"store:{name}#{digest(name)}"}
        return Agent(weights=weights, parents=tuple(p.id for p in parents), gen=gen)

    return make


@pytest.fixture(scope="session")
def initial(make_agent: MakeAgent) -> Agent:
    return make_agent("initial", gen=0)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'archive.db'}"
    server: PostgresqlServer = request.getfixturevalue("postgresql")
    return server.new_archive()


@pytest.fixture
def archive(url: str, resolved: Resolved, initial: Agent) -> Iterator[Archive]:
    with Archive.create(url) as archive:
        archive.start_evolution(resolved, 0, initial)
        yield archive
