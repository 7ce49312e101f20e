"""Workers that share a call's shards: each does its own, and the call finds them all done."""

from pathlib import Path

import pytest

from cladeflow.graph import StageCall
from cladeflow.home import Home
from cladeflow.runners import inline
from cladeflow.runners.subprocess import ready, step
from cladeflow.session import Session
from cladeflow.visit import Visit
from cladeflow.work import Share
from tests.homes import begun, digests


def calls(home: Home) -> list[StageCall]:
    with Session(home) as session:
        return [node.call for node in Visit(session).nodes(1)]


def do_share(session: Session, call: StageCall, index: int) -> None:
    """What one of two workers does."""
    visit, (node,) = ready(session, call)
    visit.share(node, Share(index, 2))


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What one process commits that does everything."""
    home = begun(tmp_path_factory.mktemp("alone"), "default", "scale.shard=2")
    with Session(home) as session:
        inline.run(session, 1)
    return digests(home)


def test_shards_are_dealt_out_in_turn() -> None:
    dealt = [[share.takes() for _ in range(5)] for share in (Share(0, 2), Share(1, 2))]
    assert dealt == [[True, False, True, False, True], [False, True, False, True, False]]


def test_two_workers_do_all_shards_and_the_call_only_lists_them(
    alone: dict[str, str], tmp_path: Path
) -> None:
    home = begun(tmp_path, "default", "scale.shard=2")
    for call in calls(home):
        for index in (1, 0):
            with Session(home) as session:
                do_share(session, call, index)
        before = made(home)
        with Session(home) as session:
            step(session, call)
        assert made(home) == before
    assert digests(home) == alone
    assert len(before) > 5 and len(alone) == 7


def made(home: Home) -> set[str]:
    return {key for key in home.store().list("") if "/shard-" in key}


def test_what_no_worker_did_is_done_by_the_call(alone: dict[str, str], tmp_path: Path) -> None:
    home = begun(tmp_path, "default", "scale.shard=2")
    for call in calls(home):
        with Session(home) as session:
            do_share(session, call, 1)
            step(session, call)
    assert digests(home) == alone


@pytest.mark.parametrize("stage", ["plan", "task_synthesis"])
def test_a_stage_without_shards_has_no_share(tmp_path: Path, stage: str) -> None:
    home = begun(tmp_path)
    call = next(call for call in calls(home) if call.stage == stage)
    with Session(home) as session:
        before = set(session.store.list(call.path))
        do_share(session, call, 0)
        assert set(session.store.list(call.path)) == before
