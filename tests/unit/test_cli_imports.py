"""What a person waits for at every command: nothing heavy is imported before it is needed."""

import subprocess
import sys

import pytest

HEAVY = {"torch", "transformers", "peft", "mlflow", "kfp"}

PROBE = """
import sys
from cladeflow.cli import main
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
print(*sys.modules, sep="\\n", file=sys.stderr)
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["evolve", "--help"],
        ["solve", "--help"],
        ["report", "--help"],
        ["recipes", "list"],
        ["recipes", "check", "default"],
    ],
    ids=" ".join,
)
def test_nothing_heavy_is_imported(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments], text=True, capture_output=True, check=True
    )
    assert "cladeflow.cli" in done.stderr.splitlines()
    assert not HEAVY & set(done.stderr.splitlines())
