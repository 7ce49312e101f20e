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


def test_an_engine_imports_neither_scikit_learn_nor_scipy_and_leaves_both_importable() -> None:
    """A third of the start of a run, and a quarter of its memory then, for what nothing uses."""
    probe = """
import sys
from cladeflow.session import _engine_kind
_engine_kind()
from transformers import AutoModelForCausalLM, AutoTokenizer
AutoModelForCausalLM.from_config, AutoTokenizer.from_pretrained
assert not {"scipy", "sklearn"} & set(sys.modules)
import scipy.special, sklearn
"""
    subprocess.run([sys.executable, "-c", probe], check=True)
