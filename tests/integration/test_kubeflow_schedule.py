"""A schedule's pipeline on kfp.local: it does nothing and is green, or makes its generation."""

import warnings
from pathlib import Path
from typing import Any

import pytest

from cladeflow.home import Home
from cladeflow.kubeflow.attempts import RUN, Ledger
from cladeflow.kubeflow.decisions import decisions
from cladeflow.kubeflow.watching import outcomes, run_views
from cladeflow.recipes.model import Resolved
from cladeflow.session import Session
from tests.homes import begun, digests
from tests.kfp_extra import require_kfp

require_kfp()

from kfp import local  # noqa: E402

from cladeflow.kubeflow.compiling import recipe_pipeline  # noqa: E402
from cladeflow.runners.kubeflow import local_profile  # noqa: E402

ORDER = {"name": "nightly", "budget": {"runs": 1}, "stop": {}, "api": None}


def scheduled(home: Home, run: str, monkeypatch: pytest.MonkeyPatch, **order: Any) -> None:
    """Run the schedule's pipeline as Kubeflow would at a tick."""
    monkeypatch.setenv(RUN, run)
    with Session(home) as session:
        recipe = Resolved.model_validate(session.archive.evolution.resolved).recipe
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline = recipe_pipeline(recipe, local_profile(home), schedule={**ORDER, **order})
        local.init(
            local.SubprocessRunner(use_venv=False), pipeline_root=str(home.directory / "kubeflow")
        )
        pipeline(home=str(home.directory), generation=0)


@pytest.mark.slow
def test_a_run_makes_its_generation_and_the_next_finds_the_budget_spent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = begun(tmp_path)
    scheduled(home, "first", monkeypatch)
    made = digests(home)
    assert len(made) == 7
    assert {view.state for view in run_views(tmp_path, "first")} == {"done"}
    scheduled(home, "second", monkeypatch)
    assert [one.reason.partition(";")[0] for one in decisions(tmp_path, "nightly")] == [
        "",
        "the budget of 1 runs is spent",
    ]
    assert [one for one in Ledger(tmp_path).all() if one.run == "second"] == []
    assert {run: line["state"] for run, line in outcomes(tmp_path).items()} == {
        "first": "SUCCEEDED",
        "second": "SUCCEEDED",
    }
    assert digests(home) == made
