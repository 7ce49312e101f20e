"""What people decided is settled once before every generation, and once after the last."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from cladeflow import evolution
from cladeflow.session import Session
from cladeflow.tracking.background import Projector
from tests.populations import PER_GENERATION, populated

SETTLED = ["honour", "promote approved"]


class Told:
    """Notes in which order the loop asks for what; every other part of it is the real one."""

    def __init__(self) -> None:
        self.order: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: self.order.append(name)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    told = Told()
    note = cast(Any, lambda session, say: told.order.append("promote approved"))
    monkeypatch.setattr(evolution, "promote_approved", note)
    return told


def carry_on(told: Told, home: Path, generations: int) -> list[str]:
    said: list[str] = []
    with Session(populated(home, 1 + PER_GENERATION)) as session:
        evolution._carry_on(
            session,
            cast(Projector, told),
            generations,
            lambda _, generation: told.order.append(f"generation {generation}"),
            said.append,
        )
    return said


def test_every_generation_starts_from_what_is_settled(told: Told, tmp_path: Path) -> None:
    assert carry_on(told, tmp_path, 3) == []
    ran = [["generation 2", "project"], ["generation 3", "project"]]
    expected = [*SETTLED, *ran[0], *SETTLED, *ran[1], *SETTLED, "wait", "honour"]
    assert told.order == expected


def test_a_home_that_has_its_generations_is_settled_all_the_same(
    told: Told, tmp_path: Path
) -> None:
    (said,) = carry_on(told, tmp_path, 1)
    assert "has its 1 generations" in said
    assert told.order == [*SETTLED, "wait", "honour"]
