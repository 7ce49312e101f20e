"""What every registered environment must keep to."""

from pathlib import Path

import pytest

from cladeflow.environments.base import Environment
from cladeflow.errors import CladeflowError
from cladeflow.records import Split
from cladeflow.strategy import find, names
from tests.task_lines import plain_sums, write_lines

SPLITS: tuple[Split, ...] = ("train", "dev", "heldout", "probe", "reserve")


def shipped() -> list[str]:
    """Other tests register environments of their own."""
    found = {name: find("environment", name) for name in names("environment")}
    return [name for name, kind in found.items() if kind and "cladeflow." in kind.__module__]


@pytest.fixture(params=shipped())
def env(request: pytest.FixtureRequest, tmp_path: Path) -> Environment:
    kind = find("environment", request.param)
    assert kind is not None
    lines = write_lines(tmp_path / "tasks.jsonl", plain_sums(80))
    built = kind.from_options({"path": str(lines)} if request.param == "task_file" else {})
    assert isinstance(built, Environment)
    return built


def cells(env: Environment) -> list[tuple[str, int]]:
    return [
        (family, level) for family, levels in env.levels.items() for level in levels[1:3] or levels
    ]


def test_equal_arguments_pose_equal_tasks_and_more_of_them_only_add(env: Environment) -> None:
    for family, level in cells(env):
        few = env.tasks(family=family, level=level, split="train", n=5, seed=1)
        more = env.tasks(family=family, level=level, split="train", n=9, seed=1)
        assert [p.task.id for p in more][: len(few)] == [p.task.id for p in few]
        assert len({p.task.id for p in more}) == len(more)
        assert all((p.task.family, p.task.level) == (family, level) for p in more)


def test_no_task_is_in_two_splits(env: Environment) -> None:
    for family, level in cells(env):
        prompts: set[str] = set()
        for split in SPLITS:
            posed = env.tasks(family=family, level=level, split=split, n=3, seed=0)
            found = {f"{p.task.prompt} {p.task.hidden}" for p in posed}
            assert not found & prompts
            prompts |= found


def test_a_task_does_not_hold_its_gold(env: Environment) -> None:
    family, level = cells(env)[0]
    for posed in env.tasks(family=family, level=level, split="train", n=3, seed=0):
        assert "gold" not in posed.task.model_dump()
        assert posed.gold.task_id == posed.task.id


def test_a_demonstration_passes_its_check_and_a_mutilated_one_does_not(env: Environment) -> None:
    for family, level in cells(env):
        task, gold = env.tasks(family=family, level=level, split="train", n=1, seed=3)[0]
        steps = env.demonstration(task)
        assert env.check(task, gold, steps).ok
        verdict = env.check(task, gold, steps[:-1])
        assert not verdict.ok and verdict.parts["answer"] == 0.0


def test_only_train_tasks_are_demonstrated(env: Environment) -> None:
    family, level = cells(env)[0]
    [posed] = env.tasks(family=family, level=level, split="heldout", n=1, seed=0)
    with pytest.raises(CladeflowError, match="only train tasks"):
        env.demonstration(posed.task)


def test_there_is_a_prompt_for_every_kind_of_model(env: Environment) -> None:
    assert env.prompt_formats.keys() == {"seed", "chat", "base"}
    assert all("{task}" in template for template in env.prompt_formats.values())
    assert all("{task}" in template for kind in ("chat", "base") for template in env.prompts(kind))


def test_an_identity_says_what_a_task_is_made_of_not_where_it_lies(env: Environment) -> None:
    assert not env.identity().keys() & env.addresses
    assert env.identity().keys() >= {"name", "version"}
