"""The compiled pipeline on kfp.local: the same commits as inline, whatever was there before."""

import pytest

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
