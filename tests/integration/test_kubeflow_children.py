"""Several children per generation: a compiled pipeline commits what the inline runner commits."""

from pathlib import Path

import pytest

from cladeflow.errors import CladeflowError
from cladeflow.home import Home
from cladeflow.kubeflow.attempts import Ledger
from cladeflow.plan.model import Population
from cladeflow.runners import inline
from cladeflow.session import Session
from tests.homes import begun, digests
from tests.kfp_extra import require_kfp

require_kfp()

from cladeflow.kubeflow.orders import Order  # noqa: E402
from cladeflow.kubeflow.work import work  # noqa: E402
from cladeflow.runners import kubeflow  # noqa: E402

TWO = Population(parents=1, children=2)


def grown(directory: Path, runner: object) -> Home:
    """A home whose first generation has two children."""
    home = begun(directory)
    with Session(home) as session:
        session.population = TWO
        runner.run(session, 1)  # type: ignore[attr-defined]
    return home


@pytest.mark.slow
def test_two_children_and_a_pipeline_for_another_number_of_them(tmp_path: Path) -> None:
    made = digests(grown(tmp_path / "kubeflow", kubeflow))
    assert made == digests(grown(tmp_path / "inline", inline))
    assert len(made) == 2 + 2 * 5
    home = Home(tmp_path / "kubeflow")
    tasks = [attempt.task for attempt in Ledger(home.directory).all()]
    assert sorted(tasks) == sorted(made), "every call is a task of its own"
    with Session(home) as session:
        kubeflow.run(session, 1)  # planned for two, whatever the session would ask for
    assert [attempt.task for attempt in Ledger(home.directory).all()] == tasks
    plan = Order({"generation": 1, "stage": "plan"})
    with pytest.raises(CladeflowError, match=r"planned with 2 .* has tasks for 1: .*dren 2$"):
        work(home.directory, plan)
