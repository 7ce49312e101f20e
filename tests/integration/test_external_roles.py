"""A critic from outside of the evolution: one rollout never mixes two models."""

import shutil
from pathlib import Path

import pytest

from cladeflow.errors import ModelError
from cladeflow.runners import inline
from cladeflow.session import Session
from cladeflow.store import seed_directory
from tests.homes import begun, digests
from tests.teachers import bound_to, flip


class Interrupted(BaseException):
    pass


def stop(what: str, done: int, total: int) -> None:
    """Interrupt the rollout between its two shards."""
    if what.endswith("rollout") and 0 < done < total:
        raise Interrupted


def test_a_critic_that_changed_between_shards_is_refused_and_the_same_one_goes_on(
    tmp_path: Path,
) -> None:
    teacher = shutil.copytree(seed_directory("seed-reasoning-1"), tmp_path / "teacher")
    settings = (bound_to(teacher), "critique=llm_critique")
    whole, home = (begun(tmp_path / name, "default", *settings) for name in ("whole", "home"))
    with Session(whole) as session:
        inline.run(session, 1)
    with pytest.raises(Interrupted), Session(home, stop) as session:
        inline.run(session, 1)
    made = set(home.directory.rglob("rollout/**/commit.json"))
    assert made
    flip(teacher)
    refused = pytest.raises(ModelError, match=r"roles\.critic, as the plan of generation 1 has it")
    with refused, Session(home) as session:
        inline.run(session, 1)
    assert set(home.directory.rglob("rollout/**/commit.json")) == made
    flip(teacher)
    with Session(home) as session:
        inline.run(session, 1)
    assert digests(home) == digests(whole)
