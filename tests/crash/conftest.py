"""How the tests of a crash suite come by what its process found out."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
Investigate = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="module")
def investigate(tmp_path_factory: pytest.TempPathFactory) -> Investigate:
    """Runs a module of this folder on an empty directory; what it prints as JSON."""

    def run(module: str) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-m", module, str(tmp_path_factory.mktemp("homes"))],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"src{os.pathsep}."},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    return run
