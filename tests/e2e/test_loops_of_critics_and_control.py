"""Published recipes with a critic, a control or two environments, from the embedded model."""

from pathlib import Path

import pytest

from cladeflow.archive.archive import Archive
from cladeflow.home import Home
from cladeflow.records import EvalReport, SftExample, Trajectory
from cladeflow.session import Session
from cladeflow.store import Commit, read_set
from cladeflow.views import stage_views
from tests.command_line import cladeflow

SMALL = (
    "scale.tasks=24",
    "scale.samples=2",
    "scale.shard=24",
    "scale.training.epochs=1",
    "promote=always",
)


def evolve(home: Path, recipe: str, *settings: str, generations: int = 1) -> None:
    options = [part for setting in (*SMALL, *settings) for part in ("--set", setting)]
    ran = cladeflow(
        "evolve", recipe, "--home", home, "--generations", generations, "--deterministic", *options
    )
    assert ran.code == 0, ran.err


def commits(session: Session, generation: int = 1) -> dict[str, Commit]:
    """By round, pass and stage."""
    views = stage_views(session, generation)
    return {str(v.call).split("/", 1)[1].removeprefix("0/"): v.commit for v in views}


def report(session: Session, commit: Commit) -> EvalReport:
    return next(session.read(commit.sets["reports"], EvalReport))


def test_mathcritique_trains_a_critic_beside_the_actor(tmp_path: Path) -> None:
    home = tmp_path / "home"
    tiny = "evaluate=[{benchmark_suite: {tasks: 8}}, {critique_eval: {tasks: 8}}]"
    evolve(home, "mathcritique", tiny, "rounds.critic.task_synthesis=seed_tasks")
    with Session(Home(home)) as session:
        done = commits(session)
        critic = done["critic.0/fine_tune.0"]
        learned = list(read_set(session.store, critic.sets["examples"], SftExample))
        assert learned and all(str(e.prompt).startswith("judge ") for e in learned)
        assert set(critic.models) == {"critic"}
        explored = session.read(done["explore.0/rollout"].sets["trajectories"], Trajectory)
        tasks = {t.task_id for t in explored}
        refined = list(session.read(done["refine.0/rollout"].sets["trajectories"], Trajectory))
        assert {t.attempt for t in refined} <= {1, 2} and all(t.parents for t in refined)
        assert "refine.0/task_synthesis" not in done and len(tasks) == 24
        measures = report(session, done["evaluate"]).critique
        assert {"verdict_f1", "first_error_f1", "gain"} <= set(measures)
        with Archive.open(session.home.archive_url) as archive:
            champion = archive.agent("champion").agent
            assert set(champion.weights) == {"actor", "critic"}
            assert champion.weights["critic"] == critic.models["critic"]
    exported = cladeflow(
        "export", "champion", tmp_path / "critic", "--role", "critic", "--home", home
    )
    assert exported.code == 0, exported.err
    assert (tmp_path / "critic" / "model.safetensors").exists()


def test_b_star_is_planned_by_what_was_measured_of_its_parent(tmp_path: Path) -> None:
    control = "control={balance_score: {target: 4, temperatures: [0.3, 1.0], tasks: 8, samples: 4}}"
    evaluate = "evaluate=[{benchmark_suite: {tasks: 8}}]"
    evolve(tmp_path / "home", "b_star", control, evaluate, "rollout.sample.n=2", generations=2)
    with Session(Home(tmp_path / "home")) as session:
        first, second = (commits(session, generation) for generation in (1, 2))
        assert first["plan"].values["plan"]["control"] == {}
        measured = report(session, first["evaluate"]).exploration
        scores = {place: score for place, score in measured.items() if "balance" in place}
        assert len(scores) == 4
        chosen = second["plan"].values["plan"]["control"]
        assert chosen["temperature"] == (
            0.3 if scores["balance/0.3/1"] >= scores["balance/1/1"] else 1.0
        )
        rollouts = session.read(second["main.0/rollout"].sets["trajectories"], Trajectory)
        assert {t.params["temperature"] for t in rollouts} == {chosen["temperature"]}


@pytest.mark.parametrize("variant", ["paper", "released"])
def test_agentevol_learns_from_demonstrations_and_all_that_it_explored(
    tmp_path: Path, variant: str
) -> None:
    evaluate = "evaluate=[{benchmark_suite: {tasks: 8}}]"
    evolve(tmp_path / "home", "agentevol", f"variant={variant}", evaluate, "rounds.evolve.repeat=2")
    with Session(Home(tmp_path / "home")) as session:
        done = commits(session)
        sizes = [
            sum(shard.count for shard in done[at].sets["examples"].shards)
            for at in ("clone.0/fine_tune.0", "evolve.0/fine_tune.0", "evolve.1/fine_tune.0")
        ]
        assert 24 == sizes[0] <= sizes[1] <= sizes[2]
