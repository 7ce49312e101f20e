"""Task files: what is read, what is refused, and the environment that poses their tasks."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from cladeflow.environments import TaskFile, split_of
from cladeflow.environments.base import SPLIT_SHARES
from cladeflow.environments.task_file import prompts
from cladeflow.errors import CladeflowError
from cladeflow.recipes import resolve
from cladeflow.records import Step
from tests.task_lines import plain_sums, sums, write_lines

CELL: dict[str, Any] = {"family": "tasks", "level": 1}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "sums.jsonl", sums(80))


def opened(path: Path, **options: Any) -> TaskFile:
    return TaskFile.from_options({"path": str(path), **options})


def tasks_of(env: TaskFile, split: Any, n: int = 1000) -> list[str]:
    return [p.task.prompt[0].text for p in env.tasks(**CELL, split=split, n=n, seed=0)]


def test_every_task_is_in_the_split_of_its_question(file: Path) -> None:
    env = opened(file)
    found = {split: tasks_of(env, split) for split in SPLIT_SHARES}
    shown = [q.text for q in prompts.examples([q for q in env.questions if q.split == "train"])]
    everything = [text for texts in found.values() for text in texts] + shown
    assert Counter(everything) == Counter(line["question"] for line in sums(80))
    for split, texts in found.items():
        assert {split_of(text.casefold()) for text in texts} == {split}


def test_case_and_space_do_not_move_a_question_to_another_split(tmp_path: Path) -> None:
    shouted = [{**line, "question": "  " + line["question"].upper()} for line in sums(80)]
    loud = opened(write_lines(tmp_path / "loud.jsonl", shouted))
    quiet = opened(write_lines(tmp_path / "quiet.jsonl", sums(80)))
    assert [q.split for q in loud.questions] == [q.split for q in quiet.questions]


def test_gsm8k_lines_give_steps_and_a_number(file: Path) -> None:
    question = opened(file).questions[3]
    assert (question.checker, question.key.answer) == ("numeric", "8")
    assert prompts.solution(question) == ["She has 3+5=8 clips.", "Answer: 8"]


def test_the_check_reads_the_key_and_nothing_else(file: Path) -> None:
    [posed] = opened(file).tasks(**CELL, split="heldout", n=1, seed=0)
    answer = posed.gold.value["answer"]
    assert answer not in json.dumps(posed.task.model_dump(exclude={"prompt"}))
    anywhere = TaskFile.from_options({})
    right = anywhere.check(posed.task, posed.gold, [Step(i=0, text=f"so #### {answer}")])
    assert right.ok and right.parts == {"answer": 1.0, "format": 1.0}
    silent = anywhere.check(posed.task, posed.gold, [Step(i=0, text="so")])
    assert silent.ok is False and silent.parts == {"answer": 0.0, "format": 0.0}
    told = Step(i=0, role="tool", text=f"#### {answer}")
    assert anywhere.check(posed.task, posed.gold, [told]).parts["format"] == 0


def test_what_counts_is_what_the_file_holds_not_where_it_lies(file: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere.jsonl"
    moved.write_bytes(file.read_bytes())
    here, there = opened(file), opened(moved)
    other = opened(write_lines(tmp_path / "other.jsonl", sums(81)))
    assert here.identity() == there.identity() != other.identity()
    assert tasks_of(here, "train") == tasks_of(there, "train")

    def recipe(path: Path) -> str:
        return resolve("star", scale="tiny", environments=[{"task_file": {"path": str(path)}}]).hash

    assert recipe(file) == recipe(moved) != recipe(tmp_path / "other.jsonl")


def test_a_file_that_changed_or_is_gone_is_not_used(file: Path) -> None:
    kept = opened(file).model_dump()
    write_lines(file, sums(79))
    with pytest.raises(CladeflowError, match=r"sums\.jsonl has changed since .* restore it"):
        TaskFile.from_options(kept).tasks(**CELL, split="train", n=1, seed=0)
    file.unlink()
    fresh = TaskFile.from_options({**kept, "tolerance": 0.5})
    with pytest.raises(CladeflowError, match=r"sums\.jsonl: No such file"):
        fresh.tasks(**CELL, split="train", n=1, seed=0)


def test_a_question_is_posed_by_its_text_or_id(tmp_path: Path) -> None:
    lines = [{**line, "id": f"sum-{i}"} for i, line in enumerate(sums(80))]
    env = opened(write_lines(tmp_path / "ids.jsonl", lines))
    assert env.pose("sum-7") == env.pose(" " + lines[7]["question"].replace(" ", "  "))
    with pytest.raises(CladeflowError, match="is no question of"):
        env.pose("sum-80")


def test_prompts_ask_for_what_the_checkers_read(tmp_path: Path, file: Path) -> None:
    [chat] = opened(file).prompts("chat")
    assert '"Answer: "' in chat and "the number alone" in chat
    [mixed] = opened(file, checker="exact").prompts("chat")
    assert "the answer alone" in mixed
    base = opened(file).prompts("base")
    assert [template.count("Question: ") for template in base] == [4, 3, 2, 1]
    assert all(template.endswith("Question: {task}\n") for template in base)
    shown = base[0].removesuffix("Question: {task}\n")
    for text in tasks_of(opened(file), "train"):
        assert text not in shown


def test_an_answer_alone_is_demonstrated_as_such(tmp_path: Path) -> None:
    env = opened(write_lines(tmp_path / "plain.jsonl", plain_sums(80)))
    [posed] = env.tasks(**CELL, split="train", n=1, seed=0)
    [step] = env.demonstration(posed.task)
    assert step.text == f"Answer: {posed.gold.value['answer']}"


def test_a_pattern_is_no_demonstration(tmp_path: Path) -> None:
    lines = [{**line, "checker": "regex"} for line in plain_sums(80)]
    env = opened(write_lines(tmp_path / "patterns.jsonl", [{**n, "answer": "7+"} for n in lines]))
    [posed] = env.tasks(**CELL, split="train", n=1, seed=0)
    with pytest.raises(CladeflowError, match=r"line \d+ has no worked answer to show"):
        env.demonstration(posed.task)


@pytest.mark.parametrize(
    ("fields", "checker", "answer"),
    [
        ({"answer": "42"}, "numeric", "42"),
        ({"answer": 4.5}, "numeric", "4.5"),
        ({"answer": "$1,000"}, "numeric", "$1,000"),
        ({"answer": "Paris"}, "exact", "Paris"),
        ({"answer": "42 days"}, "exact", "42 days"),
        ({"answer": "42", "checker": "exact"}, "exact", "42"),
        ({"answer": "B", "choices": ["x", "y"]}, "choice", "B"),
        ({"answer": "y", "choices": ["x", "y"]}, "choice", "B"),
        ({"answer": 1, "choices": ["x", "y"]}, "choice", "B"),
        ({"answer": "a\n#### 42"}, "numeric", "42"),
    ],
)
def test_the_checker_is_named_or_follows_from_the_answer(
    fields: dict[str, Any], checker: str, answer: str, tmp_path: Path
) -> None:
    lines = [*plain_sums(60), {"problem": "What?", **fields}]
    question = opened(write_lines(tmp_path / "one.jsonl", lines)).questions[-1]
    assert (question.checker, question.key.answer) == (checker, answer)


def test_options_hold_where_a_line_says_nothing(tmp_path: Path) -> None:
    lines = [*plain_sums(60), {"question": "What?", "answer": "3.14", "tolerance": 0.5}]
    lines.append({"question": "Who?", "answer": "3", "checker": "exact"})
    path = write_lines(tmp_path / "some.jsonl", lines)
    *_, own, named = opened(path, checker="numeric", tolerance=0.1).questions
    assert own.key.tolerance == 0.5
    assert named.checker == "exact"
    assert opened(path, checker="numeric", tolerance=0.1).questions[0].key.tolerance == 0.1


LINE = '{"question": "What is 1+1?", "answer": "2"}\n'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        (LINE + "{oops\n", "line 2: not JSON"),
        (LINE + "\n[1]\n", "line 3: not a JSON object"),
        ('{"answer": "2"}', "line 1: no question: name it 'question' or 'problem' or 'prompt'"),
        ('{"question": "What?"}', "line 1: no answer: name it 'answer'; the line has 'question'"),
        ('{"question": " ", "answer": "2"}', "line 1: its question is no text"),
        ('{"question": "What?", "answer": null}', "line 1: its answer is no text"),
        ('{"question": "?", "answer": "2", "checker": "nummeric"}', "did you mean 'numeric'"),
        ('{"question": "?", "answer": "two", "checker": "numeric"}', "'two' is not one number"),
        ('{"question": "?", "answer": "2", "tolerance": -1}', "tolerance -1 is no number"),
        ('{"question": "?", "answer": 3, "choices": ["a", "b"]}', "counts past its 2 choices"),
        ('{"question": "?", "answer": "a", "choices": "ab"}', "choices are no list"),
        (LINE + LINE, "line 2: its question 'what is 1+1?' is that of line 1"),
        (
            '{"id": 1, "question": "a", "answer": "1"}\n{"id": 1, "question": "b", "answer": "2"}',
            "line 2: its id '1' is that of line 1",
        ),
        (LINE, "none of its 1 tasks falls into the"),
    ],
)
def test_what_is_refused_is_named_with_its_line(text: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(text)
    with pytest.raises(CladeflowError) as refused:
        _ = opened(path).questions
    assert problem in str(refused.value) and str(path) in str(refused.value)


def test_no_file() -> None:
    with pytest.raises(CladeflowError, match="name its file"):
        _ = TaskFile.from_options({}).questions
    with pytest.raises(CladeflowError, match="No such file"):
        opened(Path("nowhere.jsonl"))
    with pytest.raises(CladeflowError, match="Is a directory"):
        opened(Path("/"))
