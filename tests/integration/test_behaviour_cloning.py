"""A round of demonstrations, run as a recipe: what it commits and what the model learns from it."""

from collections.abc import Iterator
from statistics import fmean

import pytest

from cladeflow.archive.archive import Archive
from cladeflow.fine_tune import Sft
from cladeflow.home import Home
from cladeflow.models.transformers_engine import TransformersEngine
from cladeflow.recipes import resolve
from cladeflow.records import Agent, Scaffold, SftExample, Trajectory, Verdict
from cladeflow.runners import inline
from cladeflow.session import Session
from cladeflow.store import Commit, directory_ref, materialise, read_set
from cladeflow.visit import Visit
from tests.tiny_models import save_tiny_model

RECIPE = """\
name: cloning
environments: [reasoning]
task_synthesis: {demos: {levels: {chain: {2: 1.0}, addition: {2: 1.0}}}}
verification: {verifiable_reward: {steps: true}}
rounds:
  - name: clone
    rollout: none
    fine_tune: {build: positives, objective: sft}
  - name: explore
    rollout: sample
    fine_tune: {build: positives, objective: sft}
evaluate: [{benchmark_suite: {tasks: 18}}, {transfer_retention: {tasks: 12}}, exploration_monitor]
"""
SCALE = ["scale.tasks=24", "scale.samples=1", "scale.shard=24", "scale.max_tokens=8"]
TRAINING = ["scale.training.learning_rate=0.003", "scale.training.token_batch=256"]
PROMPT = "solve {task}\n"


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A finished generation of the recipe, from a model that knows nothing."""
    root = tmp_path_factory.mktemp("cloning")
    (root / "cloning.yaml").write_text(RECIPE)
    resolved = resolve(str(root / "cloning.yaml"), scale="tiny", settings=[*SCALE, *TRAINING])
    model = directory_ref(save_tiny_model(root / "model"))
    initial = Agent(weights={"actor": model}, scaffold=Scaffold(prompts={"reasoning": PROMPT}))
    home = Home(root / "home")
    home.create()
    with Archive.create(home.archive_url) as archive:
        archive.start_evolution(resolved, 0, initial)
    with Session(home) as session:
        inline.run(session, 1)
        yield session


@pytest.fixture(scope="module")
def commits(session: Session) -> dict[str, Commit]:
    """By round and stage."""
    visit = Visit(session)
    found = {(node.call.round, node.call.stage): visit.found(node) for node in visit.nodes(1)}
    return {"/".join(filter(None, at)): commit for at, commit in found.items() if commit}


def examples(session: Session, commits: dict[str, Commit], name: str) -> list[SftExample]:
    manifest = commits[f"{name}/fine_tune"].sets["examples"]
    return list(read_set(session.store, manifest, SftExample))


def likelihood(session: Session, ref: str, cloned: list[SftExample]) -> float:
    """Mean log-probability of the demonstrations' tokens, under an engine of its own."""
    engine = TransformersEngine(materialise(session.store, ref))
    rows = [Sft().sequences(example, engine.tokenizer)[0] for example in cloned]
    starts = [row.weights.index(1.0) for row in rows]
    logp = engine.score(
        [row.tokens[:start] for row, start in zip(rows, starts, strict=True)],
        [row.tokens[start:] for row, start in zip(rows, starts, strict=True)],
    )
    engine.close()
    return fmean(p for row in logp for p in row)


def test_every_demonstration_is_verified_and_learned(
    session: Session, commits: dict[str, Commit]
) -> None:
    verdicts = list(
        read_set(session.store, commits["clone/verification"].sets["verdicts"], Verdict)
    )
    cloned = examples(session, commits, "clone")
    assert [verdict.ok for verdict in verdicts] == [True] * 24
    assert {source for example in cloned for source in example.sources} == {
        verdict.target.id for verdict in verdicts
    }


def test_cloning_makes_the_demonstrations_likelier(
    session: Session, commits: dict[str, Commit]
) -> None:
    cloned = examples(session, commits, "clone")
    with Archive.open(session.home.archive_url) as archive:
        before = archive.agent("initial").agent.weights["actor"]
    after = commits["clone/fine_tune"].models["actor"]
    assert likelihood(session, after, cloned) > likelihood(session, before, cloned) + 1


def test_demonstrations_are_prompted_as_samples_are(
    session: Session, commits: dict[str, Commit]
) -> None:
    """The second round has both for every task; only the demonstrations are worth keeping."""
    sampled = {
        made.task_id: made.context
        for made in read_set(
            session.store, commits["explore/rollout"].sets["trajectories"], Trajectory
        )
    }
    given = {
        made.id: made.task_id
        for made in read_set(
            session.store, commits["explore/task_synthesis"].sets["trajectories"], Trajectory
        )
    }
    refs = {"actor": commits["clone/fine_tune"].models["actor"]}
    engine = session.engines(refs, "transformers", "float32")["actor"]
    learned = examples(session, commits, "explore")
    assert len(learned) == 24
    for example in learned:
        row = Sft().sequences(example, engine.tokenizer)[0]
        prompt = row.tokens[: row.weights.index(1.0)]
        assert prompt == sampled[given[example.sources[0]]]
        assert row.tokens[-1] == engine.tokenizer.end


def test_what_was_given_does_not_count_as_the_agents_own(
    session: Session, commits: dict[str, Commit]
) -> None:
    """Perfect demonstrations would otherwise tell the next plan that the level is mastered."""
    cells = commits["evaluate"].values["cells"]
    assert {place: found["n"] for place, found in cells.items()} == {
        "reasoning/chain/2": 12,
        "reasoning/addition/2": 12,
    }
    assert all(found["mean"] < 0.5 for found in cells.values())
