"""Runs that a person submits: under names that never make two of one."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import yaml

from cladeflow.errors import RecipeError
from cladeflow.kubeflow.api import Kfp, Run
from cladeflow.kubeflow.endpoint import Endpoint
from cladeflow.kubeflow.profile import Profile


class Submitted(NamedTuple):
    """A run, and whether this call made it."""

    run: Run
    new: bool


def endpoint_of(profile: Profile) -> Endpoint:
    """Where the profile's API is; raises `RecipeError` where it does not say."""
    if profile.kfp is None:
        raise RecipeError(
            f"profile {profile.name} does not say where Kubeflow Pipelines answers: add a kfp "
            "section with its endpoint ('cladeflow profile init' writes an example)"
        )
    return profile.kfp


def pipeline_body(text: str) -> dict[str, Any]:
    """A compiled pipeline as the API takes it: both documents in one."""
    spec, platform = yaml.safe_load_all(text)
    return {"pipeline_spec": spec, "platform_spec": platform}


def fingerprint(*parts: Any) -> str:
    """Eight hexadecimal digits that name a content."""
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def submit(api: Kfp, text: str, parameters: Mapping[str, Any], key: str | None = None) -> Submitted:
    """Submit a compiled pipeline.

    Without a ``key`` it is named by its content and a number, which goes up when the run before
    has ended: submitting again what is under way gives that run. With one it is named by that, and
    one key never makes two runs.
    """
    body = pipeline_body(text)
    pipeline = body["pipeline_spec"]["pipelineInfo"]["name"]
    content = fingerprint(body, parameters)
    known = api.runs()
    name = f"{pipeline}-{key}" if key else _next(f"{pipeline}-{content}-", known)
    run = api.create_run(name, body, parameters, f"cladeflow submit; content {content}")
    return Submitted(run, run.id not in {one.id for one in known})


def _next(prefix: str, known: list[Run]) -> str:
    """The name of the newest run of this content if that goes on, else the one after it."""
    numbered = {
        int(rest): run
        for run in known
        if run.name.startswith(prefix) and (rest := run.name.removeprefix(prefix)).isdigit()
    }
    newest = max(numbered, default=0)
    return f"{prefix}{newest + (newest == 0 or numbered[newest].ended)}"
