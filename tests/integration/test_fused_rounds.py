"""A repeated round: on-policy passes with swapped weights, alike inline and as one process."""

from pathlib import Path

import pytest

from cladeflow.errors import RecipeError
from cladeflow.home import Home
from cladeflow.models.engine import Engine
from cladeflow.recipes.model import Dtype
from cladeflow.records import Agent, Experience, Trajectory
from cladeflow.runners import inline, subprocess
from cladeflow.session import Session
from cladeflow.store import ref_digest, seed_ref
from tests.homes import begun, commits, digests

SETTINGS = (
    "task_synthesis=[{seed_tasks: {levels: {chain: {5: 1}}}}]",
    "scale.max_tokens=64",
    "rounds.reinforce.repeat=3",
    "rollout.sample.n=4",
    "scale.tasks=18",
    "scale.shard=6",
)


def start(directory: Path, recipe: str, *settings: str) -> Home:
    return begun(directory, recipe, *SETTINGS, *settings)


class Counting(Session):
    """Counts the engines that are loaded."""

    loaded = 0

    def _load(self, ref: str, dtype: Dtype) -> Engine:
        self.loaded += 1
        return super()._load(ref, dtype)


@pytest.mark.parametrize("recipe", ["grpo", "nft"])
def test_passes_learn_from_their_own_samples_without_loading_anew(
    tmp_path: Path, recipe: str
) -> None:
    with Counting(start(tmp_path / "home", recipe)) as session:
        inline.run(session, 1)
        found = commits(session)
        made = []
        for i in range(3):
            manifest = found[f"1/0/reinforce.{i}/rollout"].sets["trajectories"]
            (maker,) = {t.models["actor"] for t in session.read(manifest, Trajectory)}
            made.append(maker)
        # One engine takes every pass's weights; evaluation loads one beside it for the incumbent.
        assert session.loaded <= 2
    refs = [found[f"1/0/reinforce.{i}/fine_tune.0"].models["actor"] for i in range(2)]
    seed = seed_ref("seed-reasoning-1")
    assert made == [ref_digest(ref) for ref in (seed, *refs)]
    assert len(set(made)) == 3


def test_one_process_commits_what_inline_does(tmp_path: Path) -> None:
    homes = [start(tmp_path / name, "grpo") for name in ("inline", "subprocess")]
    with Session(homes[0]) as session:
        inline.run(session, 1)
    with Session(homes[1]) as session:
        subprocess.run(session, 1)
        pids = {call: c.volatile["pid"] for call, c in commits(session).items()}
    assert digests(homes[0]) == digests(homes[1])
    inside = {pid for call, pid in pids.items() if "/reinforce." in call}
    assert len(inside) == 1
    assert inside.isdisjoint(pid for call, pid in pids.items() if "/reinforce." not in call)


def test_an_interrupted_round_goes_on_to_the_same_commits(tmp_path: Path) -> None:
    class Interrupted(BaseException):
        pass

    def stop(what: str, done: int, total: int) -> None:
        if what == "1/0/reinforce.1/fine_tune.0":
            raise Interrupted

    homes = [start(tmp_path / name, "grpo") for name in ("whole", "interrupted")]
    with Session(homes[0]) as session:
        inline.run(session, 1)
    with pytest.raises(Interrupted), Session(homes[1], stop) as session:
        inline.run(session, 1)
    assert "1/0/reinforce.1/fine_tune.0" not in digests(homes[1])
    with Session(homes[1]) as session:
        subprocess.run(session, 1)
    assert digests(homes[0]) == digests(homes[1])


def test_samples_of_older_weights_are_refused(tmp_path: Path) -> None:
    home = start(tmp_path / "home", "grpo", "roles={actor: parent}")
    with Session(home) as session, pytest.raises(RecipeError, match=r"made by other weights"):
        inline.run(session, 1)
    assert "1/0/reinforce.0/fine_tune.0" in digests(home)
    assert "1/0/reinforce.1/fine_tune.0" not in digests(home)
    accepting = "fine_tune.objective={grpo: {off_policy: true}}"
    other = start(tmp_path / "other", "grpo", "roles={actor: parent}", accepting)
    with Session(other) as session:
        inline.run(session, 1)
    assert "1/promote" in digests(other)


def test_a_replay_buffer_goes_from_pass_to_pass_and_from_parent_to_child(tmp_path: Path) -> None:
    accepting = "fine_tune.objective={grpo: {off_policy: true}}"
    home = start(tmp_path / "home", "grpo", accepting, "memory=replay_buffer")
    with Session(home) as session:
        for generation in (1, 2):
            inline.run(session, generation)
        sizes = [
            commits(session, generation)[f"{generation}/0/reinforce.{i}/fine_tune.0"]
            .sets["memory"]
            .count
            for generation in (1, 2)
            for i in range(3)
        ]
        last = commits(session)["1/0/reinforce.2/fine_tune.0"]
        (child,) = session.read(commits(session)["1/0/evaluate"].sets["agents"], Agent)
        assert child.memory == last.values["memory"]
        kept = list(session.read(last.sets["memory"], Experience))
    assert sizes == sorted(sizes) and sizes[0] < sizes[2] < sizes[-1]
    assert all(past.verdict.ok for past in kept)
