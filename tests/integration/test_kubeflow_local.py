"""The compiled pipeline on kfp.local: the same commits as inline, whatever was there before."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cladeflow.errors import CladeflowError
from cladeflow.home import Home
from cladeflow.kubeflow.attempts import Ledger
from cladeflow.runners import inline
from cladeflow.session import Session
from tests.homes import begun, digests
from tests.kfp_extra import require_kfp

require_kfp()

from cladeflow.runners import kubeflow  # noqa: E402


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    home = begun(tmp_path_factory.mktemp("inline"))
    with Session(home) as session:
        inline.run(session, 1)
    return digests(home)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home whose generation the pipeline ran, two tasks to every map stage."""
    place = begun(tmp_path_factory.mktemp("kubeflow"))
    shards = {"rollout": 2}
    profile = kubeflow.local_profile(place).model_copy(update={"shards": shards})
    with Session(place) as session:
        kubeflow.run_on(session, 1, profile)
    return place


def test_the_pipeline_commits_what_inline_does(home: Home, expected: dict[str, str]) -> None:
    assert digests(home) == expected
    assert len(expected) == 7


def test_every_task_is_a_process_of_its_own_and_in_the_ledger(home: Home) -> None:
    attempts = Ledger(home.directory).all(generation=1)
    assert {attempt.outcome for attempt in attempts} == {"done"}
    assert len({attempt.pid for attempt in attempts}) == len(attempts)
    assert [attempt.task for attempt in attempts if "share" in attempt.task]


def test_a_second_run_does_nothing_and_commits_the_same(
    home: Home, expected: dict[str, str]
) -> None:
    before = Ledger(home.directory).all()
    with Session(home) as session:
        kubeflow.run(session, 1)
    assert Ledger(home.directory).all() == before
    assert digests(home) == expected


PROBE = """
import sys
from cladeflow.kubeflow.step import run
run(sys.argv[1], sys.argv[2])
print(*sys.modules, sep="\\n")
"""


def imported(home: Path, **call: object) -> set[str]:
    """What a task imports whose commit exists."""
    command = [sys.executable, "-c", PROBE, str(home), json.dumps({"generation": 1, **call})]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize("receipts", [True, False], ids=["receipt", "look-up"])
def test_a_task_whose_commit_exists_imports_no_torch(
    home: Home, tmp_path: Path, receipts: bool
) -> None:
    place = tmp_path / "home"
    shutil.copytree(home.directory, place)
    if not receipts:
        shutil.rmtree(place / "receipts")
    call = {"child": 0, "round": "main", "stage": "fine_tune", "update": 0}
    modules = imported(place, **call)
    assert "cladeflow.kubeflow.step" in modules
    assert not modules & {"torch", "transformers", "mlflow"}
    assert ("pydantic" in modules) != receipts
    assert (place / "receipts" / "generations/1/0/main.0/fine_tune.0.json").exists()


def test_a_failure_names_the_stage_and_says_why(tmp_path: Path) -> None:
    home = begun(tmp_path)
    home.gold.write_text("where a directory should be")
    with Session(home) as session, pytest.raises(CladeflowError) as failed:
        kubeflow.run(session, 1)
    said = str(failed.value)
    assert said.startswith("stage 1/0/main.0/task_synthesis failed in its process: ")
    assert str(home.gold) in said and kubeflow.LOG in said
    # The pod that KFP starts again does not try what cannot get better.
    assert [a.outcome for a in Ledger(home.directory).all()] == ["done", "mistake"]
    assert "not tried again in this run" in (home.directory / kubeflow.LOG).read_text()
    outcomes = (home.directory / "outcomes.jsonl").read_text().splitlines()
    assert [json.loads(line)["state"] for line in outcomes] == ["FAILED"]
