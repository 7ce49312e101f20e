"""Profiles whose Kubeflow is the fake of `tests.kfp_server`."""

import re
from pathlib import Path

from cladeflow.kubeflow.profile import example

PIPELINE = """
pipelineInfo: {name: cladeflow-default}
root: {}
---
platforms: {}
"""
"""What stands for a compiled pipeline where compiling is not what is tested."""


def profile_file(directory: Path, url: str, more: str = "", in_cluster: str = "") -> Path:
    """The example profile, its API at ``url``; ``more`` lines go into its kfp section."""
    text = re.sub(r"(?m)^kfp_in_cluster:\n(  .*\n|#  .*\n)*", "", example())
    text = text.replace("http://localhost:8888 ", f"{url}{more} ")
    text = text.replace("{rollout: 4, evaluate: 4}", "{}")
    if in_cluster:
        text += f"kfp_in_cluster: {{endpoint: '{in_cluster}'}}\n"
    path = directory / "profile.yaml"
    path.write_text(text)
    return path


def two_nodes(text: str) -> str:
    """A profile's text, with two nodes of two GPUs each to train on."""
    before, found, after = text.partition("  fine_tune:\n")
    assert found
    after = after.replace("count: 1", "count: 2", 1)
    after = after.replace("#  service_account: ", "  service_account: ")
    return f"{before}{found}    nodes: 2\n{after}"
