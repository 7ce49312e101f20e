"""A stage that is done again: earlier commits stay, later ones follow, and it is remembered."""

import json
from pathlib import Path

import pytest

from cladeflow.graph import StageCall, redone, unroll
from cladeflow.home import Home
from cladeflow.kubeflow.receipts import Receipt, Receipts
from cladeflow.recipes import resolve
from cladeflow.runners import inline
from cladeflow.runners.subprocess import ready
from cladeflow.session import Session
from cladeflow.visit import Visit
from tests.command_line import Ran, cladeflow
from tests.homes import begun

TASKS = "generations/1/0/main.0/task_synthesis"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Its first generation is planned and has its tasks."""
    place = begun(tmp_path)
    synthesised(place)
    return place


def synthesised(home: Home) -> str:
    """Commit the tasks of the first generation; where."""
    with Session(home) as session:
        visit = Visit(session)
        node = visit.nodes(1)[1]
        visit.commit(node)
        return visit.key(node.call)


def refused(ran: Ran) -> str:
    assert ran.code == 2 and "Traceback" not in ran.err, ran
    return ran.err


def test_calls_and_what_reads_them_carry_the_count() -> None:
    nodes = unroll(resolve("default", scale="tiny").recipe, 1)
    changed = redone(nodes, {TASKS: 2})
    assert [node.call.redo for node in changed][:3] == [0, 2, 0]
    assert {need.redo for need in changed[2].needs if need.path == TASKS} == {2}
    assert redone(nodes, {}) == nodes


def test_a_redone_call_has_another_commit_and_the_plan_the_same(home: Home) -> None:
    before = synthesised(home)
    ran = cladeflow("retry", "--from", "task_synthesis", "--home", home.directory, "--json")
    assert json.loads(ran.out) == [{"call": "1/0/main.0/task_synthesis", "redo": 1}]
    with Session(home) as session:
        visit = Visit(session)
        plan, tasks, *_ = visit.nodes(1)
        assert visit.found(plan) is not None and visit.found(tasks) is None
    after = synthesised(home)
    assert after != before and after == synthesised(home)
    (home.directory / "store" / before / "commit.json").stat()  # nothing is lost


def test_an_evaluation_that_is_redone_attempts_everything_again(home: Home) -> None:
    def attempted() -> set[Path]:
        return set((home.directory / "store/evals").glob("*/*/commit.json"))

    with Session(home) as session:
        visit = Visit(session)
        for node in visit.nodes(1)[:-1]:
            visit.commit(node)
    once = attempted()
    assert once and cladeflow("retry", "--from", "evaluate", "--home", home.directory).code == 0
    with Session(home) as session:
        inline.run(session, 1)
        twice = attempted()
        assert len(twice) == 2 * len(once) and once < twice
        inline.run(session, 2)
        assert Visit(session).plan(2).redone == 1
    agents = {path.parts[-3] for path in twice}
    assert {path.parts[-3] for path in attempted() - twice}.isdisjoint(agents)


def test_a_pod_finds_its_call_by_path_whatever_was_compiled_in(home: Home) -> None:
    cladeflow("retry", "--from", "1/0/main.0/task_synthesis", "--home", home.directory)
    compiled_in = StageCall(
        generation=1, child=0, round="main", repeat=0, stage="task_synthesis", redo=0
    )
    with Session(home) as session:
        _, task = ready(session, compiled_in)
    assert [node.call.redo for node in task] == [1]


def test_a_receipt_of_a_redone_call_is_dropped(home: Home) -> None:
    receipts = Receipts(home.directory)
    receipts.leave(TASKS, Receipt("code", "key", {}, [TASKS], {}))
    cladeflow("retry", "--from", "task_synthesis", "--home", home.directory)
    assert not (home.directory / "receipts" / f"{TASKS}.json").exists()


def test_status_shows_it(home: Home) -> None:
    for _ in range(2):
        cladeflow("retry", "--from", "task_synthesis", "--home", home.directory)
    found = json.loads(cladeflow("status", "--home", home.directory, "--json").out)
    assert found["redone"] == {TASKS: 2}
    assert "task_synthesis" in cladeflow("status", "--home", home.directory).out


def test_what_cannot_be_redone(home: Home, tmp_path: Path) -> None:
    def retry(*arguments: object) -> str:
        return refused(cladeflow("retry", *arguments, "--home", home.directory))

    assert "no such stage here; did you mean 'rollout'" in retry("--from", "rolout")
    assert "--from plan: the plan is what makes" in retry("--from", "plan")
    assert "generation 7 was not begun" in retry("--from", "rollout", "--generation", 7)
    assert "generation 0 has ended" in retry("--from", "rollout", "--generation", 0)
    empty = cladeflow("retry", "--from", "rollout", "--home", tmp_path / "none")
    assert "holds no evolution" in refused(empty)
