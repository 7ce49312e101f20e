from dataclasses import replace
from pathlib import Path

import pytest

from cladeflow.errors import RecipeError, StoreError
from cladeflow.fine_tune import Grpo, Positives, RoundData
from cladeflow.home import Home
from cladeflow.memory import ReplayBuffer
from cladeflow.memory.base import recall, snapshot_ref
from cladeflow.recipes.fit import check_fit
from cladeflow.recipes.parse import parse_recipe
from cladeflow.records import DEMONSTRATION, Agent, Experience
from cladeflow.session import Session
from cladeflow.work import Output, once
from tests.unit.fine_tune.judged import attempt, judged, task, verdict

ROUND = judged({"a": (1, 1, 0), "b": (0, 1)})
"""Worth keeping are a's first two attempts and b's second."""


def names(kept: list[Experience]) -> list[tuple[str, str]]:
    return [(past.task.prompt[0].text, past.trajectory.text) for past in kept]


def test_the_newest_successes_of_every_task_are_kept() -> None:
    assert names(ReplayBuffer().keep([], ROUND)) == [("a", "=1"), ("b", "=1")]
    two = ReplayBuffer(per_task=2).keep([], ROUND)
    assert names(two) == [("a", "=0"), ("a", "=1"), ("b", "=1")]
    assert names(ReplayBuffer(size=1).keep([], ROUND)) == [("b", "=1")]


def test_a_later_round_pushes_out_what_is_older() -> None:
    old = ReplayBuffer().keep([], judged({"a": (1,), "z": (1,)}))
    assert names(ReplayBuffer().keep(old, ROUND)) == [("z", "=0"), ("a", "=1"), ("b", "=1")]
    assert names(ReplayBuffer(size=2).keep(old, ROUND)) == [("a", "=1"), ("b", "=1")]


def test_a_round_kept_twice_is_kept_once() -> None:
    buffer = ReplayBuffer(per_task=5)
    once_kept = buffer.keep([], ROUND)
    assert buffer.keep(once_kept, ROUND) == once_kept


def test_demonstrations_are_not_replayed() -> None:
    given = attempt(task("a"), agent_id=DEMONSTRATION)
    data = RoundData({given.task_id: task("a")}, [given], {given.id: verdict(given, 1.0)})
    assert ReplayBuffer().keep([], data) == []


def test_replays_are_drawn_by_share_and_never_of_the_round_itself() -> None:
    past = ReplayBuffer(per_task=9).keep([], judged(dict.fromkeys("cdefgh", (1, 1))))
    own = ReplayBuffer(per_task=9).keep([], ROUND)
    seen = ReplayBuffer(share=2).replay([*past, *own], ROUND)
    assert len(seen.replayed) == 6
    assert not {t.id for t in seen.replayed} & {t.id for t in ROUND.trajectories}
    assert all(seen.reward(t.id) == 1.0 and t.task_id in seen.tasks for t in seen.replayed)
    assert ReplayBuffer(share=2).replay([*past, *own], ROUND) == seen
    other = ReplayBuffer(share=2).replay([*past, *own], replace(ROUND, seed="other"))
    assert other.replayed != seen.replayed


def test_positives_rehearse_what_is_replayed() -> None:
    past = ReplayBuffer().keep([], judged({"c": (1,)}))
    seen = ReplayBuffer().replay(past, ROUND)
    sources = {s for example in Positives().build(seen) for s in example.sources}
    assert past[0].trajectory.id in sources and len(sources) == 4


def test_an_on_policy_objective_is_refused_at_load() -> None:
    raw = {
        "name": "t",
        "environments": ["reasoning"],
        "rollout": {"sample": {"n": 2}},
        "memory": "replay_buffer",
        "fine_tune": {"build": "rl_batch", "objective": "grpo"},
    }
    with pytest.raises(RecipeError, match="'replay_buffer' needs 'off_policy'"):
        check_fit(parse_recipe(raw, "t.yaml"), "t.yaml")
    raw["fine_tune"] = {"build": "rl_batch", "objective": {"grpo": {"off_policy": True}}}
    check_fit(parse_recipe(raw, "t.yaml"), "t.yaml")
    assert Grpo(off_policy=True).on_policy() is False


def test_a_snapshot_is_found_by_its_ref_and_belongs_to_the_agents_identity(tmp_path: Path) -> None:
    kept = ReplayBuffer().keep([], ROUND)
    with Session(Home(tmp_path)) as session:
        commit = once(
            session,
            "generations/1/0/main.0/fine_tune.0/hash",
            "fine_tune",
            "hash",
            lambda work: Output(sets={"memory": work.write_set("memory", Experience, kept)}),
        )
        manifest = commit.sets["memory"]
        ref = snapshot_ref("generations/1/0/main.0/fine_tune.0/hash", manifest)
        assert list(recall(session, ref)) == kept
        assert list(recall(session, None)) == []
        with pytest.raises(StoreError, match="not what it was"):
            list(recall(session, ref + "0"))
        elsewhere = snapshot_ref("generations/9/elsewhere", manifest)
        with pytest.raises(StoreError, match="gone"):
            list(recall(session, elsewhere))
    here, there, none = (Agent(weights={"actor": "x#1"}, memory=m) for m in (ref, elsewhere, None))
    assert (here.id, here.behaviour) == (there.id, there.behaviour)
    assert here.id != none.id and here.behaviour != none.behaviour
