"""Roles that are bound outside of the evolution: the plan says which models they are."""

import shutil
from pathlib import Path

import pytest

from cladeflow.errors import ModelError
from cladeflow.graph import Node, StageCall, plan_call
from cladeflow.models.binding import external_refs
from cladeflow.plan.model import Plan
from cladeflow.session import Session
from cladeflow.stage import StageContext
from cladeflow.store import Commit, directory_ref, seed_directory
from cladeflow.visit import Visit
from tests.homes import begun
from tests.teachers import bound_to, flip


@pytest.fixture
def teacher(tmp_path: Path) -> Path:
    """A directory of a model of the user's."""
    return shutil.copytree(seed_directory("seed-reasoning-1"), tmp_path / "teacher")


def planned(home: Path, *settings: str) -> tuple[Plan, str]:
    """The first plan of a home, and where the commit of the first stage after it would lie."""
    with Session(begun(home, "default", *settings)) as session:
        visit = Visit(session)
        return visit.plan(1), visit.address(visit.nodes(1)[1])


def context(session: Session, plan: Plan) -> StageContext:
    """What a rollout sees that has a plan and nothing else."""
    at = plan_call(1)
    commit = Commit(stage="plan", input_hash="", values={"plan": plan.model_dump(mode="json")})
    call = StageCall(generation=1, child=0, round="main", stage="rollout")
    return StageContext(session, Node(call, (at,)), {at: commit})


def test_other_weights_are_another_plan(tmp_path: Path, teacher: Path) -> None:
    critic = bound_to(teacher)
    first, address = planned(tmp_path / "first", critic)
    assert first.external == {"critic": directory_ref(teacher)}
    assert planned(tmp_path / "same", critic)[1] == address
    flip(teacher)
    other, elsewhere = planned(tmp_path / "other", critic)
    assert other.external == {"critic": directory_ref(teacher)} != first.external
    assert elsewhere != address


def test_a_plan_without_such_roles_is_what_it_was(tmp_path: Path) -> None:
    plan, _ = planned(tmp_path / "home", "roles={actor: current, critic: parent}")
    assert plan.external == {}
    assert "external" not in plan.model_dump(mode="json")


def test_a_role_is_the_model_that_the_plan_says(tmp_path: Path, teacher: Path) -> None:
    plan, _ = planned(tmp_path / "home", bound_to(teacher))
    with Session(begun(tmp_path / "home", "default", bound_to(teacher))) as session:
        ctx = context(session, plan)
        assert ctx.bound("critic") == plan.external["critic"]
        assert ctx.bound("actor") == plan.initial.weights["actor"]
        flip(teacher)
        with pytest.raises(ModelError) as changed:
            ctx.bound("critic")
        flip(teacher)
        assert ctx.bound("critic") == plan.external["critic"]
    assert "roles.critic, as the plan of generation 1 has it" in str(changed.value)
    assert f"{teacher} is missing or not the model it was" in str(changed.value)


def test_a_plan_of_an_earlier_version_is_no_traceback(tmp_path: Path, teacher: Path) -> None:
    plan, _ = planned(tmp_path / "home", bound_to(teacher))
    with Session(begun(tmp_path / "home", "default", bound_to(teacher))) as session:
        ctx = context(session, plan.model_copy(update={"external": {}}))
        with pytest.raises(ModelError, match=r"plan of generation 1 does not say .* roles\.critic"):
            ctx.bound("critic")


def test_a_model_that_went_is_no_plan(tmp_path: Path, teacher: Path) -> None:
    home = begun(tmp_path / "home", "default", bound_to(teacher))
    shutil.rmtree(teacher)
    with Session(home) as session:
        with pytest.raises(ModelError, match=rf"roles\.critic: path:{teacher}: "):
            Visit(session).plan(1)
        assert Visit(session).begun() is None


@pytest.mark.parametrize("binding", ["models:/teacher@champion", "endpoint:http://teacher"])
def test_what_cannot_be_reached_yet_is_named(binding: str) -> None:
    with pytest.raises(ModelError, match=f"roles.judge: {binding} cannot be reached"):
        external_refs({"actor": "current", "judge": binding})
