"""What a user gets wrong is said in one message, and nothing is written."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cladeflow.store import seed_directory
from tests.command_line import Ran, cladeflow

SEED = "seed-reasoning-1"
MISFIT = """
name: misfit
environments: [reasoning]
task_synthesis: seed_tasks
rollout: none
verification: verifiable_reward
fine_tune: {build: positives, objective: sft}
evaluate: benchmark_suite
promote: always
"""


def refused(ran: Ran) -> str:
    """The one message of a command that was refused."""
    assert ran.code == 2, ran
    assert ran.out == "" and "Traceback" not in ran.err
    return ran.err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nosuch"], "unknown recipe 'nosuch'; 'cladeflow recipes list' names them all"),
        (["defalt"], "unknown recipe 'defalt'; did you mean 'default'?"),
        (["./none.yaml"], "none.yaml: cannot be read"),
        (["--nosuch"], "No such option '--nosuch'"),
        (["--generations", "0"], "--generations 0: ask for at least 1"),
        (["--generations", "many"], "'many' is not a valid integer"),
        (["--runner", "cloud"], "'cloud' is not one of 'inline', 'subprocess'"),
        (["--scale", "huge"], "unknown scale 'huge'; valid: large, small, tiny"),
        (["--tasks", "toolbox"], "the embedded model has never seen toolbox, and default begins"),
        (["--tasks", "reasonin"], "unknown strategy 'reasonin'; did you mean 'reasoning'?"),
        (["--set", "rollout.sample.n"], "--set 'rollout.sample.n': write path=value"),
        (["--set", "rollout.sample.m=3"], "rollout.sample: unknown key 'm'"),
        (["--set", "verification=majority"], "unknown strategy 'majority'; did you mean"),
        (["--set", "scale.tasks=0"], "tasks: Input should be greater than 0"),
        (["--set", "scale.task=9"], "unknown key 'task'; did you mean 'tasks'?"),
        (["--set", "rollout=mcts"], "mcts"),
        (["--set", "promote=none"], "promote: none decides nothing; 'always' promotes every child"),
        (["--set", "environments=none"], "environments: there are no tasks without one"),
        (["--set", "fine_tune.objective=dpo"], "build outcome_pairs for this objective"),
        (["--set", "fine_tune.objective=grpo"], "'grpo' trains on group_advantage examples"),
        (["--set", "fine_tune.build=rl_batch"], "take objective grpo for this builder"),
        (["--set", "fine_tune.build=outcome_pairs"], "'outcome_pairs' makes preference ones"),
        (["--set", "verification=none"], "builder 'positives' needs 'verdict', which nothing"),
        (["--set", "task_synthesis=uniform"], "no generator poses the tasks that uniform would"),
        (["--set", "name=mine/2"], "name: 'mine/2' becomes part of the name of a model in MLflow"),
        (["--set", "promote.threshold_gate.bar=.nan"], "bar: Input should be a finite number"),
        (["--set", "scale.training.learning_rate=.inf"], "Input should be a finite number"),
        (["--seed", str(2**63)], f"--seed {2**63}: the archive holds whole numbers of 64 bits"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_options_and_recipes(arguments: list[str], expected: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert expected in refused(cladeflow("evolve", *arguments, "--home", home))
    assert not home.exists()


def test_strategies_that_do_not_fit(tmp_path: Path) -> None:
    recipe, home = tmp_path / "misfit.yaml", tmp_path / "home"
    recipe.write_text(MISFIT)
    message = refused(cladeflow("evolve", recipe, "--home", home))
    assert "fine_tune has nothing to learn from because rollout is none" in message
    assert not home.exists()


@pytest.mark.parametrize("setting", ["fine_tune.build=rl_batch", "verification=none", "name=a:b"])
def test_what_evolve_refuses_is_not_fine_when_checked(setting: str) -> None:
    refused(cladeflow("recipes", "check", "default", "--set", setting))


def empty(directory: Path) -> None:
    shutil.rmtree(directory)
    directory.mkdir()


def truncate(directory: Path) -> None:
    weights = directory / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])


def fill_with_text(directory: Path) -> None:
    (directory / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\n")


def break_config(directory: Path) -> None:
    (directory / "config.json").write_text("{")


def encoder(directory: Path) -> None:
    (directory / "config.json").write_text('{"model_type": "clip_text_model"}')


def no_tokenizer(directory: Path) -> None:
    (directory / "tokenizer.json").unlink()


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (shutil.rmtree, "is not a directory"),
        (empty, "has no config.json"),
        (truncate, "model.safetensors is damaged"),
        (fill_with_text, "model.safetensors is damaged"),
        (break_config, "config.json"),
        (encoder, "no causal language model"),
        (no_tokenizer, "its tokenizer cannot be loaded"),
    ],
)
def test_models(damage: Callable[[Path], None], expected: str, tmp_path: Path) -> None:
    model, home = tmp_path / "model", tmp_path / "home"
    shutil.copytree(seed_directory(SEED), model)
    damage(model)
    message = refused(cladeflow("evolve", "--model", model, "--home", home))
    assert expected in message and str(model) in message
    assert not home.exists()


def nowhere(directory: Path) -> str:
    return f"path:{directory / 'nowhere'}"


def damaged(directory: Path) -> str:
    shutil.copytree(seed_directory(SEED), directory, dirs_exist_ok=True)
    truncate(directory)
    return f"path:{directory}"


@pytest.mark.parametrize(
    ("bind", "expected"),
    [
        (nowhere, "nowhere is not a directory"),
        (lambda directory: f"path:{directory}", "has no config.json"),
        (damaged, "model.safetensors is damaged"),
        (lambda _: "endpoint:http://x", "cannot be reached in this version"),
        (lambda _: "models:/teacher@champion", "cannot be reached in this version"),
    ],
    ids=["nowhere", "empty", "damaged", "endpoint", "registry"],
)
def test_models_of_roles(bind: Callable[[Path], str], expected: str, tmp_path: Path) -> None:
    model, home = tmp_path / "model", tmp_path / "home"
    model.mkdir()
    binding = bind(model)
    roles = f"roles={{actor: current, critic: '{binding}'}}"
    message = refused(cladeflow("evolve", "--home", home, "--set", roles))
    assert expected in message and f"roles.critic: {binding}" in message
    assert "--model" not in message
    assert not home.exists()


def content(home: Path) -> dict[Path, int]:
    """Every file of a home but what SQLite keeps beside a database, with its size."""
    files = (path for path in home.rglob("*") if path.is_file())
    return {path: path.stat().st_size for path in files if not path.name.endswith(("-shm", "-wal"))}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--seed", "9"], "its seed is 0, not 9"),
        (["star"], "its recipe is default, not star"),
        (["--scale", "small"], "its scale is tiny, not small"),
        (["--tasks", "toolbox"], "its recipe.environments.0.name is reasoning, not toolbox"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_home_of_another_evolution(arguments: list[str], expected: str, home: Path) -> None:
    before = content(home)
    message = refused(cladeflow("evolve", *arguments, "--home", home))
    assert expected in message and "--home" in message and str(home) in message
    assert content(home) == before


def test_a_home_of_another_model(home: Path, tmp_path: Path) -> None:
    model, before = shutil.copytree(seed_directory(SEED), tmp_path / "model"), content(home)
    config = model / "config.json"
    config.write_text(config.read_text().replace("}", ', "of": "another"}', 1))
    message = refused(cladeflow("evolve", "--model", model, "--home", home))
    assert "holds another evolution: it started from another model" in message
    assert content(home) == before


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["show", "zz"], "no trajectory in"),
        (["show", ""], "trajectories in"),
        (["lineage", "zz"], "no agent 'zz'"),
        (["lineage", ""], "'' could be several agents"),
        (["solve", "chain 1+1", "--agent", "zz"], "no agent 'zz'"),
        (["solve", "what is love"], 'write it as "chain 47+6-9"'),
        (["solve", "chain/99"], "it has chain 1-16"),
        (["export", "zz", "nowhere"], "no agent 'zz'"),
        (["export", "champion", "nowhere", "--role", "critic"], "it has actor"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_a_home_does_not_hold(arguments: list[str], expected: str, home: Path) -> None:
    before = content(home)
    assert expected in refused(cladeflow(*arguments, "--home", home))
    assert content(home) == before
    assert not Path("nowhere").exists()


def test_export_does_not_write_into_a_directory_in_use(home: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    message = refused(cladeflow("export", "champion", tmp_path, "--home", home))
    assert f"{tmp_path} is not empty" in message


@pytest.mark.parametrize("command", ["status", "generations", "lineage", "history", "ui"])
def test_a_home_that_is_none(command: str, tmp_path: Path) -> None:
    message = refused(cladeflow(command, "--home", tmp_path / "none"))
    assert f"'cladeflow evolve --home {tmp_path / 'none'}'" in message
    assert not (tmp_path / "none").exists()


def test_a_home_of_a_newer_version(home: Path, tmp_path: Path) -> None:
    import sqlite3
    from contextlib import closing

    newer = shutil.copytree(home, tmp_path / "newer")
    with closing(sqlite3.connect(newer / "archive.db")) as archive, archive:
        archive.execute("UPDATE alembic_version SET version_num = '9999'")
    for command in (["status"], ["evolve"], ["evolve", "--generations", "9"]):
        message = refused(cladeflow(*command, "--home", newer))
        assert "a newer version wrote it; upgrade Cladeflow" in message


def test_a_damaged_file_is_named(home: Path, tmp_path: Path) -> None:
    damaged = shutil.copytree(home, tmp_path / "damaged")
    shard = next((damaged / "store").rglob("reports.jsonl.zst"))
    shard.write_bytes(shard.read_bytes()[:-1] + b"?")
    message = refused(cladeflow("generations", "--home", damaged))
    assert shard.name in message and "is damaged" in message
