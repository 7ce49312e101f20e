"""One small evolution that the tests of the command line look at."""

from pathlib import Path

import pytest

from tests.command_line import Ran, cladeflow
from tests.micro import MICRO

SETTINGS = [part for setting in MICRO for part in ("--set", setting)]


@pytest.fixture(scope="session")
def evolved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ran]:
    """A home of two generations, and how the command that made it ended."""
    home = tmp_path_factory.mktemp("evolved") / "home"
    ran = cladeflow("evolve", "--home", home, "--generations", 2, "--deterministic", *SETTINGS)
    assert ran.code == 0, ran.err
    return home, ran


@pytest.fixture(scope="session")
def home(evolved: tuple[Path, Ran]) -> Path:
    return evolved[0]
