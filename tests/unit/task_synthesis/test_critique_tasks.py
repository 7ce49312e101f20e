"""Tasks to judge: whose attempts, and what the answer is."""

import pytest

from cladeflow.environments import Posed, Toolbox
from cladeflow.errors import RecipeError
from cladeflow.recipes.fit import check_fit
from cladeflow.recipes.parse import parse_recipe
from cladeflow.records import DEMONSTRATION
from cladeflow.task_synthesis import CritiqueTasks, SeedTasks
from tests.attempts import ENV, Judged, attempt, earlier

CHAIN, ADD, PROBE = (ENV.pose(p).task for p in ("chain 20+3-1", "add 58+67", "chain 47+6-9"))
RIGHT = attempt(CHAIN, "20+3=23", "23-1=22", "=22")
WRONG = [
    attempt(CHAIN, "20+3=23", "23-1=21", "=21", sample=1),
    attempt(CHAIN, "20+3=24", "24-1=23", "=23", sample=2),
    attempt(ADD, "8+7=15", "5+6=11", "=115"),
]
SAME = RIGHT.model_copy(update={"sample": 5})
UNANSWERED = attempt(CHAIN, "20+3=23")
UNCHECKED = attempt(CHAIN, "=7")
HELD_BACK = attempt(PROBE, "=44")


def posed(judged: Judged, n: int = 99, draw: int = 0) -> list[Posed]:
    known = earlier([CHAIN, ADD, PROBE], judged)
    return list(CritiqueTasks().generate(ENV, n=n, gen=1, draw=draw, seed=0, earlier=known))


EVERYTHING = [
    (RIGHT, 1.0),
    *((wrong, 0.0) for wrong in WRONG),
    (SAME, 1.0),
    (UNANSWERED, 0.0),
    (UNCHECKED, -1.0),
    (HELD_BACK, 1.0),
]


def test_the_policys_answers_are_judged_by_their_first_wrong_step() -> None:
    found = {
        task.subject.candidates[0]: gold.value for task, gold in posed(EVERYTHING) if task.subject
    }
    assert found == {
        "20+3=23\n23-1=22\n=22": "ok",
        "20+3=23\n23-1=21\n=21": "err 2",
        "20+3=24\n24-1=23\n=23": "err 1",
        "8+7=15\n5+6=11\n=115": "err 2",
    }


def test_a_judge_task_descends_from_what_was_attempted() -> None:
    for task, gold in posed(EVERYTHING):
        assert task.subject is not None
        assert (task.kind, task.split, task.subject.source) == ("judge", "train", "policy")
        assert task.origin.parents == (task.subject.task_id,)
        assert task.subject.task_id in (CHAIN.id, ADD.id)
        assert gold.task_id == task.id
        assert task.prompt[0].text.startswith("judge ") and task.prompt[0].text.endswith("\n?")


def test_right_and_wrong_answers_take_turns() -> None:
    for draw in range(5):
        golds = [gold.value for _, gold in posed(EVERYTHING, n=2, draw=draw)]
        assert (golds[0] == "ok", golds[1] == "ok") == (True, False)
    assert len({posed(EVERYTHING, n=2, draw=draw)[1].task.id for draw in range(20)}) == 3


def test_what_was_given_is_nobodys_answer_and_nothing_gives_nothing() -> None:
    given = WRONG[0].model_copy(update={"agent_id": DEMONSTRATION})
    assert posed([(given, 0.0)]) == posed([]) == []


def test_corrupted_traces_of_the_pool() -> None:
    options = {"levels": {"chain": {3: 1.0}}}
    made = CritiqueTasks(source="corrupted", **options)
    found = made.generate(ENV, n=60, gen=1, draw=1, seed=3)
    assert len({task.id for task, _ in found}) == 60
    assert {(t.kind, t.family, t.level, t.split) for t, _ in found} == {
        ("judge", "chain", 3, "train")
    }
    assert {t.subject.source for t, _ in found if t.subject} == {"corrupted"}
    right = sum(gold.value == "ok" for _, gold in found)
    assert 15 <= right <= 45
    walked = made.generate(ENV, n=60, gen=1, draw=2, seed=3)
    assert not {t.id for t, _ in found} & {t.id for t, _ in walked}
    assert SeedTasks(**options).generate(ENV, n=1, gen=1, draw=1, seed=3)[0].task.kind == "solve"


def test_an_environment_without_known_errors_poses_none() -> None:
    assert CritiqueTasks(source="corrupted").generate(Toolbox(), n=5, gen=1, draw=0, seed=0) == []


def test_a_recipe_that_has_nothing_to_judge_is_refused() -> None:
    raw = {"name": "t", "environments": ["reasoning"], "task_synthesis": "critique_tasks"}
    with pytest.raises(RecipeError, match="'critique_tasks' starts from attempts of an earlier"):
        check_fit(parse_recipe(raw, "t.yaml"), "t.yaml")
    rounds = [{"name": "a", "task_synthesis": "seed_tasks"}, {"name": "b"}]
    check_fit(parse_recipe({**raw, "rounds": rounds}, "t.yaml"), "t.yaml")
    toolbox = {**raw, "environments": ["toolbox"], "rounds": rounds}
    with pytest.raises(RecipeError, match="'critique_tasks' needs 'judge'"):
        check_fit(parse_recipe(toolbox, "t.yaml"), "t.yaml")


def test_a_first_round_without_tasks_is_refused() -> None:
    raw = {"name": "t", "environments": ["reasoning"], "task_synthesis": "none"}
    with pytest.raises(RecipeError, match="rollout has no tasks"):
        check_fit(parse_recipe(raw, "t.yaml"), "t.yaml")
