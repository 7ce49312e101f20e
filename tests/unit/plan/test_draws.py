"""Which draw of the task pools is whose, where generations differ in their number of children."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cladeflow.graph import Node, StageCall, plan_call
from cladeflow.plan.model import Plan, Population
from cladeflow.session import Session
from cladeflow.stage import StageContext
from cladeflow.task_synthesis.stage import _draw
from cladeflow.visit import Visit
from tests import homes


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """An evolution of two passes per child: one round twice."""
    with Session(homes.begun(tmp_path, "star", "rounds=[{name: main, repeat: 2}]")) as session:
        yield session


def planned(session: Session, *children: int) -> list[Plan]:
    """Plans of generations with so many children each."""
    plans = []
    for generation, count in enumerate(children, 1):
        session.population = Population(children=count)
        plans.append(Visit(session).plan(generation))
    return plans


def draws(session: Session, plan: Plan) -> list[list[int]]:
    """By child, the draws of its two passes."""
    at = plan_call(plan.generation)
    commits = {at: Visit(session).commit(Node(at, ()))}

    def draw(child: int, repeat: int) -> int:
        which = {"generation": plan.generation, "child": child, "round": "main", "repeat": repeat}
        call = StageCall.model_validate({"stage": "task_synthesis", **which})
        return _draw(StageContext(session, Node(call, (at,)), commits))

    return [[draw(child, repeat) for repeat in range(2)] for child in range(len(plan.parents))]


def test_no_draw_comes_twice_however_many_children_generations_have(session: Session) -> None:
    one, three, two, last = planned(session, 1, 3, 2, 2)
    assert draws(session, one) == [[0, 1]]
    assert draws(session, three) == [[2, 5], [3, 6], [4, 7]]
    assert draws(session, two) == [[8, 10], [9, 11]]
    assert draws(session, last) == [[12, 14], [13, 15]]


@pytest.mark.parametrize("children", [1, 3])
def test_where_all_have_as_many_plans_say_nothing_of_it(session: Session, children: int) -> None:
    plans = planned(session, *(children,) * 3)
    assert [plan.children_before for plan in plans] == [0, children, 2 * children]
    assert all("earlier_children" not in plan.model_dump(mode="json") for plan in plans)
    assert draws(session, plans[2])[0] == [4 * children, 5 * children]


def test_a_plan_reads_back_what_it_committed(session: Session) -> None:
    plans = planned(session, 1, 3, 1)
    assert [plan.earlier_children for plan in plans] == [None, 1, 4]
    assert [Plan.model_validate_json(plan.model_dump_json()) for plan in plans] == plans
