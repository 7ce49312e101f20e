"""The kubeflow extra in tests: CI has it, and fails without; elsewhere its tests are skipped."""

import os
from importlib import import_module

import pytest


def require_kfp() -> None:
    """Skip the module where kfp is not installed, but never in CI."""
    if "CI" in os.environ:
        import_module("kfp")
    else:
        pytest.importorskip("kfp", reason="needs the kubeflow extra")
