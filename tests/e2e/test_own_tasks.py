"""A model and tasks of one's own, as a new user types it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.bpe_models import save_bpe_model
from tests.command_line import Ran, cladeflow
from tests.task_lines import sums, write_lines

SMALL = (
    "evaluate=[{benchmark_suite: {tasks: 4, samples: 1, k: 1}}]",
    "scale.tasks=4",
    "scale.samples=1",
    "scale.shard=2",
    "scale.max_tokens=24",
)
SETTINGS = [part for setting in SMALL for part in ("--set", setting)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a model that has never learned anything, and a file of tasks."""
    root = tmp_path_factory.mktemp("own")
    lines = sums(60)
    save_bpe_model(root / "model", [line["question"] for line in lines])
    write_lines(root / "sums.jsonl", lines)
    return root


def evolve(place: Path, home: Path, *arguments: object) -> Ran:
    command = ["evolve", "--model", place / "model", "--home", home, "--generations", 1]
    tasks = [] if "--tasks" in arguments else ["--tasks", place / "sums.jsonl"]
    return cladeflow(*command, *tasks, *SETTINGS, "--deterministic", *arguments)


def answer(*arguments: object) -> Any:
    ran = cladeflow(*arguments, "--json")
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


@pytest.fixture(scope="module")
def evolved(place: Path) -> tuple[Path, Ran]:
    prompt = place / "prompt.txt"
    prompt.write_text("12\n{task}\n")  # as good as any for a model that writes noise
    home = place / "home"
    return home, evolve(place, home, "--checker", "exact", "--prompt", prompt)


def test_a_random_model_runs_through_and_is_told_that_nothing_was_solved(
    evolved: tuple[Path, Ran],
) -> None:
    _, ran = evolved
    assert ran.code == 0, ran.err
    assert "the initial agent: 0.0% of 8 answers to 4 held-out tasks are right" in ran.err
    assert "nothing was solved: at best 0.0%" in ran.out
    assert "0 of 4 attempts at training tasks are right" in ran.out
    assert "it trained on 0 examples" in ran.out
    assert "next: cladeflow solve tasks/1" in ran.out


def test_it_resumes_and_is_looked_at_like_any_other(evolved: tuple[Path, Ran], place: Path) -> None:
    home, _ = evolved
    again = cladeflow("evolve", "--home", home, "--generations", 1)
    assert again.code == 0 and "has its 1 generations" in again.err
    more = evolve(place, home, "--checker", "exact", "--seed", 0)
    assert more.code == 0 and "has its 1 generations" in more.err, more.err
    status = answer("status", "--home", home)
    assert status["tasks"] == [str(place / "sums.jsonl")]
    assert status["recipe"] == "star"
    [solved] = answer("solve", "line 5", "--home", home)
    assert solved["task"] == [sums(60)[4]["question"]] and solved["ok"] is False
    [cell] = answer("solve", "tasks/1", "--home", home)
    assert cell["task"][0].startswith("Ann has")


def test_stages_in_processes_of_their_own_find_the_file(place: Path) -> None:
    home = place / "other"
    ran = evolve(place, home, "--runner", "subprocess", "--set", "rounds=[]", "--checker", "exact")
    assert ran.code == 0, ran.err
    [initial, child] = answer("generations", "--home", home)
    assert [row["value"] for row in initial["rows"] if row["metric"] == "greedy"] == [0.0, 0.0]
    assert child["outcome"] == "inconclusive"


def test_answers_that_cannot_be_read_stop_the_run_with_one_of_them(place: Path) -> None:
    choices = place / "choices.jsonl"
    write_lines(choices, [{**n, "choices": ["A lot", "None"], "answer": "A"} for n in sums(60)])
    home = place / "unreadable"
    for _ in range(2):  # the same command says the same, at once
        ran = evolve(place, home, "--tasks", choices)
        assert ran.code == 2
        assert "only 0.0% of the initial agent's answers can be read, fewer than 20%" in ran.err
        assert "task: Ann has" in ran.err and "answer: " in ran.err
        assert "--prompt FILE" in ran.err and "another --home" in ran.err
    assert not list(home.glob("store/generations/1/0"))


def test_what_begins_with_demonstrations_may_begin_with_answers_that_cannot_be_read(
    tmp_path: Path,
) -> None:
    command = ("evolve", "agentevol", "--tasks", "toolbox", "--home", tmp_path / "home")
    cut = ("--set", "rounds.evolve.repeat=1", "--set", "promote=always")
    ran = cladeflow(*command, "--generations", 1, "--deterministic", *SETTINGS, *cut)
    assert ran.code == 0, ran.err
    assert "answers to 4 held-out tasks are right, 0.0% can be read" in ran.err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--tasks", "nowhere.jsonl"], "nowhere.jsonl: No such file"),
        (["--tasks", "a.jsonl", "--tasks", "b.jsonl"], "one file per evolution"),
        (["--tasks", "reasoning", "--checker", "exact"], "--checker is about a file of tasks"),
        (["--checker", "fuzzy"], "'fuzzy' is not one of"),
        (["--tolerance", "-1"], "tolerance: Input should be greater than or equal to 0"),
        (["--prompt", "nowhere.txt"], "--prompt nowhere.txt: cannot be read"),
        (["--set", "scale.max_tokens=500"], "reads at most 512 tokens, but its longest prompt has"),
        (["default"], "needs 'steps', which nothing in the round gives"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_refused_before_any_work(
    arguments: list[str], expected: str, place: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    ran = evolve(place, home, *arguments)
    assert ran.code == 2 and expected in ran.err and "Traceback" not in ran.err
    assert ran.out == "" and not home.exists()


def test_a_file_of_tasks_needs_a_model_that_reads(place: Path, tmp_path: Path) -> None:
    ran = cladeflow("evolve", "--tasks", place / "sums.jsonl", "--home", tmp_path / "home")
    assert ran.code == 2 and "add --model DIR" in ran.err
    assert not (tmp_path / "home").exists()


def test_a_file_that_changed_is_another_evolution(
    evolved: tuple[Path, Ran], place: Path, tmp_path: Path
) -> None:
    home, _ = evolved
    write_lines(tmp_path / "sums.jsonl", sums(61))
    ran = evolve(place, home, "--tasks", tmp_path / "sums.jsonl", "--checker", "exact")
    assert ran.code == 2 and "holds another evolution" in ran.err
    assert str(tmp_path / "sums.jsonl") in ran.err
