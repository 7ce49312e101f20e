"""What every test runs under: one thread, no network, no settings of the person who runs it."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.postgresql_server import PostgresqlServer, binaries

# All of this is read when torch, transformers or mlflow is first imported, so it is set here
# rather than in a fixture.
os.environ |= {
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
for name in list(os.environ):
    if name.startswith(("MLFLOW_", "CLADEFLOW_", "XDG_")):
        del os.environ[name]

os.environ["HOME"] = tempfile.mkdtemp(prefix="cladeflow-tests-")
atexit.register(shutil.rmtree, os.environ["HOME"], ignore_errors=True)

settings.register_profile("cladeflow", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("cladeflow")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresqlServer]:
    """A running PostgreSQL server. Only a machine that checks changes has to have it."""
    found = binaries()
    if found is None:
        assert "CI" not in os.environ, "PostgreSQL is not installed: see system_packages in .ci/run"
        pytest.skip("PostgreSQL is not installed")
    with PostgresqlServer(found) as server:
        yield server
