"""Several parents and children in a generation: alike inline, side by side, and after a kill."""

from pathlib import Path

import pytest

from cladeflow.archive.archive import Archive
from cladeflow.errors import CladeflowError
from cladeflow.home import Home
from cladeflow.plan.model import Population
from cladeflow.promote.stage import _children, _events
from cladeflow.runners import inline, subprocess
from cladeflow.session import Session, silent
from cladeflow.stage import StageContext
from cladeflow.views import generation_views
from cladeflow.visit import Visit
from tests.homes import begun, commits, digests

THREE = Population(parents=2, children=3)


def start(directory: Path, *settings: str) -> Home:
    return begun(directory, "default", "selection=clade_thompson", *settings)


def session_of(home: Home, *args: object, population: Population = THREE) -> Session:
    session = Session(home, *args)  # type: ignore[arg-type]  # the progress, if any
    session.population = population
    return session


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Two generations of three children, one process for all."""
    home = start(tmp_path_factory.mktemp("grown") / "home")
    with session_of(home) as session:
        inline.run(session, 1)
        inline.run(session, 2)
    return home


def test_every_child_is_its_own_and_descends_from_a_drawn_parent(grown: Home) -> None:
    with Archive.open(grown.archive_url) as archive:
        members = archive.agents()
        columns = archive.columns()
    assert [(m.agent.gen, m.child) for m in members] == [
        (0, 0),
        *((generation, child) for generation in (1, 2) for child in range(3)),
    ]
    assert len({m.agent.behaviour for m in members}) == 7
    with Session(grown) as session:
        plan = Visit(session).plan(2)
    assert plan.population == THREE and plan.parents[0] == plan.parents[2]
    assert [m.agent.parents for m in members[4:]] == [(p.id,) for p in plan.parents]
    assert columns.children[0] >= 3 and columns.children.sum() == 6


def test_the_initial_agent_has_its_own_trials(grown: Home) -> None:
    with Archive.open(grown.archive_url) as archive:
        initial, columns = archive.agent("initial"), archive.columns()
        evaluated = archive.events(kinds=["evaluated"], agents=[initial.agent.id])
    assert len(evaluated) == 1
    assert initial.tally.ok + initial.tally.fail == 1
    assert columns.clade_ok[0] == columns.ok.sum() and columns.score[0] == initial.tally.ok


def test_tasks_of_all_children_make_the_statistics_of_the_next_plan(grown: Home) -> None:
    with Session(grown) as session:
        stats = Visit(session).plan(2).stats
        committed = commits(session, 1)
    made = [
        commit.values["cells"]["reasoning/chain/2"]
        for call, commit in committed.items()
        if call.endswith("evaluate")
    ]
    pooled = stats["reasoning/chain/2"]
    assert pooled.n == sum(cell["n"] for cell in made) == 18
    mean = sum(cell["n"] * cell["mean"] for cell in made) / 18
    assert pooled.mean == pytest.approx(mean, abs=1e-6) and len(pooled.history) == 1


@pytest.mark.parametrize(("winner", "tried"), [(0, 0), (1, 0), (2, 0), (None, 3)])
def test_who_wins_does_not_decide_how_many_were_tried_against_the_winner(
    grown: Home, tmp_path: Path, winner: int | None, tried: int
) -> None:
    with Session(grown) as session:
        visit = Visit(session)
        plan, commits = visit.plan(1), {node.call: visit.commit(node) for node in visit.nodes(1)}
        promote = visit.nodes(1)[-1]
        ctx = StageContext(session, promote, {need: commits[need] for need in promote.needs})
        children = [agent.id for agent, _ in _children(ctx)]
        won = None if winner is None else children[winner]
        events = _events(ctx, commits[promote.call], won)
    with Archive.create(f"sqlite:///{tmp_path / 'archive.db'}") as archive:
        archive.start_evolution(plan.resolved, plan.seed, plan.initial)
        archive.record(events)
        assert archive.tried_since_promotion() == tried
        assert archive.champion().agent.id == (won or plan.initial.id)


def test_the_table_has_a_row_for_every_child(grown: Home) -> None:
    with Session(grown) as session:
        views = generation_views(session)
    assert [(v.generation, v.child) for v in views] == [
        (0, 0),
        *((generation, child) for generation in (1, 2) for child in range(3)),
    ]
    assert sum(v.promoted for v in views if v.generation == 1) == 1


def test_workers_side_by_side_commit_what_inline_does(tmp_path: Path) -> None:
    # A repeated round is one process, so that two of them and an evaluation each are few enough.
    passes = "rounds=[{name: main, repeat: 2}]"
    alone, beside = (start(tmp_path / name, passes) for name in ("alone", "beside"))
    began: list[str] = []

    def note(what: str, done: int, total: int) -> None:
        if not done:
            began.append(what)

    two = Population(parents=1, children=2)
    with session_of(alone, population=two) as session:
        inline.run(session, 1)
    with session_of(beside, note, population=two) as session:
        subprocess.run(session, 1, workers=2)
    assert digests(beside, 1) == digests(alone, 1)
    # Both children are begun before either of them comes to its second task.
    assert began[:2] == [f"1/{child}/main.0/task_synthesis" for child in (0, 1)]
    assert began[-1] == "1/promote" and len(began) == 5


def test_a_generation_that_was_killed_goes_on_as_it_was_planned(
    grown: Home, tmp_path: Path
) -> None:
    class Killed(BaseException):
        pass

    def kill(what: str, done: int, total: int) -> None:
        if what == "1/1/main.0/fine_tune.0":
            raise Killed

    home = start(tmp_path / "home")
    with pytest.raises(Killed), session_of(home, kill) as session:
        inline.run(session, 1)
    done = digests(home, 1)
    assert "1/0/evaluate" in done and "1/1/evaluate" not in done
    with session_of(home, silent, population=Population()) as session:
        inline.run(session, 1)
    assert digests(home, 1) == digests(grown, 1)


def test_equal_agents_share_an_evaluation(tmp_path: Path) -> None:
    # Nothing is trained: both children are the initial agent again, and one agent of their own.
    home = start(tmp_path / "home", "rounds=[]")
    with session_of(home, population=Population(children=2)) as session:
        inline.run(session, 1)
        evaluations = {key.split("/")[1] for key in session.store.list("evals")}
    assert len(evaluations) == 1
    with Archive.open(home.archive_url) as archive:
        assert len(archive.agents()) == 2


def test_more_parents_than_children_are_refused() -> None:
    with pytest.raises(CladeflowError, match="at least one"):
        Population(parents=3, children=2)
