"""Champions that change on a cluster: rolled back by a pipeline, or by an alias between runs."""

import json
import shutil
import warnings
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cladeflow.archive.archive import Archive
from cladeflow.home import TRACKING_VARIABLE, Home
from cladeflow.kubeflow import restoring
from cladeflow.kubeflow.attempts import RUN, Ledger
from cladeflow.kubeflow.orders import Order, Terms
from cladeflow.kubeflow.outcome import record
from cladeflow.kubeflow.watching import outcomes
from cladeflow.kubeflow.work import work
from cladeflow.records import Agent
from cladeflow.runners import inline
from cladeflow.session import Session
from cladeflow.tracking.client import tracking_client
from cladeflow.tracking.view import evolution_name, model_name
from cladeflow.visit import Visit
from tests.command_line import cladeflow
from tests.homes import begun
from tests.kfp_extra import require_kfp

require_kfp()

from kfp import local  # noqa: E402

from cladeflow.kubeflow.compiling import rollback_pipeline  # noqa: E402
from cladeflow.runners.kubeflow import local_profile  # noqa: E402


class Restored(NamedTuple):
    """A home after a rollback, the agents that it was about, and what its tasks printed."""

    home: Home
    initial: Agent
    replaced: Agent
    said: str

    def artifact(self, name: str) -> str:
        (path,) = (self.home.directory / "kubeflow").rglob(name)
        return path.read_text()


@pytest.fixture(scope="module")
def restored(tmp_path_factory: pytest.TempPathFactory) -> Restored:
    """A home whose first generation's child was champion until the pipeline ran."""
    home = begun(tmp_path_factory.mktemp("home"))
    with Session(home) as session:
        inline.run(session, 1)
        replaced = session.archive.champion().agent
        initial = session.archive.agent("initial").agent
    said = StringIO()
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings(), redirect_stdout(said):
        patch.setenv(RUN, "run-1")
        warnings.simplefilter("ignore")
        pipeline = rollback_pipeline(local_profile(home))
        local.init(
            local.SubprocessRunner(use_venv=False), pipeline_root=str(home.directory / "kubeflow")
        )
        call = json.dumps({"reason": '"worse" \\ by far', "who": "ada@desk"})
        pipeline(home=str(home.directory), call=call)
    return Restored(home, initial, replaced, said.getvalue())


class Artifact:
    """Stands for one of KFP's."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.metadata: dict[str, Any] = {}


@pytest.mark.slow
def test_the_champion_before_takes_over(restored: Restored) -> None:
    initial, replaced = restored.initial, restored.replaced
    assert initial != replaced
    with Archive.open(restored.home.archive_url) as archive:
        (change,) = archive.events(kinds=["rolled_back"])
        assert archive.champion().agent == initial
        assert archive.agent(replaced.id).status == "rolled_back"
    assert (change.who, change.why) == ("ada@desk", '"worse" \\ by far')
    said = f"{initial.id[:12]} is champion again, in place of {replaced.id[:12]}: weights (actor)"
    assert said in restored.said
    assert json.loads(restored.artifact("champion"))["weights"] == initial.weights


@pytest.mark.slow
def test_the_two_are_compared_and_the_end_is_recorded(restored: Restored) -> None:
    measured = json.loads(restored.artifact("metrics"))
    assert measured["restored"] == restored.initial.id
    assert {"frontier_accuracy", "frontier_accuracy_difference_lo"} <= set(measured["metrics"])
    assert "frontier_accuracy_difference" in restored.artifact("report")
    assert outcomes(restored.home.directory)["run-1"]["state"] == "SUCCEEDED"
    tried = [(one.task, one.run, one.outcome) for one in Ledger(restored.home.directory).all()]
    assert tried == [("rollback", "run-1", "done"), ("reevaluate", "run-1", "done")]


@pytest.mark.slow
def test_a_pod_that_starts_again_swaps_nothing_and_another_run_names_a_version(
    restored: Restored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = shutil.copytree(restored.home.directory, tmp_path / "home")
    for run, call, replaced, swaps in (
        ("run-1", "{}", restored.replaced, 1),
        ("run-2", '{"to": "v2"}', restored.initial, 2),
    ):
        monkeypatch.setenv(RUN, run)
        pair = json.loads(restoring.roll_back(str(place), call, Artifact(tmp_path / "champion")))
        assert pair["replaced"] == replaced.id
        with Archive.open(Home(place).archive_url) as archive:
            assert len(archive.events(kinds=["rolled_back"])) == swaps


def registered(home: Home) -> str:
    with Archive.open(home.archive_url) as archive:
        found = archive.evolution
    return model_name(evolution_name(found.recipe, found.uid), "actor")


def point(home: Home, version: int) -> None:
    """Move the alias ``champion`` by hand."""
    with tracking_client(home.tracking_uri) as client:
        client.set_registered_model_alias(registered(home), "champion", str(version))


def aliases(home: Home) -> dict[str, int]:
    with tracking_client(home.tracking_uri) as client:
        found = client.get_registered_model(registered(home)).aliases
    return {alias: int(version) for alias, version in found.items()}


def plan(home: Home, initial: Agent) -> None:
    """What the first task of a run does."""
    with Session(home) as session:
        evolution = session.archive.evolution
    agent = initial.model_dump(mode="json")
    start = {"resolved": evolution.resolved, "seed": evolution.seed, "initial": agent}
    work(home.directory, Order({"generation": 0, "stage": "plan"}, terms=Terms(start=start)))


@pytest.mark.slow
def test_an_alias_moved_between_runs_counts_at_their_end_and_before_the_next_plan(
    restored: Restored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(shutil.copytree(restored.home.directory, tmp_path / "home"))
    initial, other = restored.initial, restored.replaced
    point(home, 2)
    monkeypatch.setenv(RUN, "run-2")
    record(str(home.directory), '{"pipeline": "p", "project": true}', "SUCCEEDED", "")
    line = outcomes(home.directory)["run-2"]
    assert (line["promoted_external"], line["projection"]) == (other.id, "")
    shown = cladeflow("status", "--cluster", "--home", home.directory).out
    assert f"found the alias champion moved in MLflow, to {other.id[:12]}" in shown
    point(home, 1)
    plan(home, initial)
    with Session(home) as session:
        assert Visit(session).plan(2).incumbent == initial
        kinds = [change.kind for change in session.archive.history()]
    assert kinds == ["promoted", "rolled_back", "promoted_external", "promoted_external"]


@pytest.mark.slow
def test_a_command_on_the_volume_uses_the_mlflow_that_the_cluster_planned_with(
    restored: Restored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(shutil.copytree(restored.home.directory, tmp_path / "home"))
    kept = (home.directory / "mlflow.db").read_bytes()
    team = f"sqlite:///{tmp_path}/team.db"
    monkeypatch.setenv(RUN, "run-2")
    with monkeypatch.context() as pod:
        pod.setenv(TRACKING_VARIABLE, team)
        plan(home, restored.initial)
    again = cladeflow("rollback", "--to", "2", "--home", home.directory)
    assert again.code == 0 and "warning" not in again.err, again.err
    monkeypatch.setenv(TRACKING_VARIABLE, team)
    assert aliases(Home(home.directory))["champion"] == 2
    assert (home.directory / "mlflow.db").read_bytes() == kept


@pytest.mark.parametrize(
    ("call", "said"),
    [("{", "is no JSON such as"), ('{"two": "3"}', "unknown key 'two'; did you mean 'to'?")],
)
def test_a_call_that_means_nothing_is_a_mistake(
    call: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RUN, "run-1")
    with pytest.raises(SystemExit, match=r"^cladeflow: rollback: call: ") as failed:
        restoring.roll_back(str(tmp_path), call, Artifact(tmp_path / "artifact"))
    assert said in str(failed.value)
    assert [one.outcome for one in Ledger(tmp_path).all()] == ["mistake"]
