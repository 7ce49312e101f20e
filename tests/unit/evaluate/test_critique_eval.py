"""critique_eval against numbers computed by hand."""

from collections.abc import Sequence

import numpy as np
import pytest

from cladeflow.environments import Reasoning, Toolbox
from cladeflow.errors import CladeflowError
from cladeflow.evaluate import CritiqueEval, EvalContext, Setting, Suite, SuiteResult
from cladeflow.evaluate.judging import f1, f1_deltas
from cladeflow.records import Task, Trajectory, Verdict
from tests.attempts import attempt, verdict

SETTING = Setting(environments=[Reasoning(), Toolbox()], max_tokens=64, seed=3)
EVAL = CritiqueEval(tasks=8)
JUDGE, REFINE = EVAL.suites(SETTING)
SAID = [
    ("err 1", "err 1"),
    ("err 2", "err 1"),
    ("err 3", "ok"),
    ("ok", "ok"),
    ("ok", "err 2"),
    ("ok", None),
]


def test_verdict_f1_by_hand() -> None:
    """Wrong attempts 1 to 3: two are called wrong, one is missed; one right one is accused."""
    assert f1("verdict_f1", SAID) == pytest.approx(2 * 2 / (2 * 2 + 1 + 1))
    assert f1("verdict_f1", [("err 1", "ok"), ("ok", None)]) == f1("verdict_f1", []) == 0


def test_first_error_f1_by_hand() -> None:
    """One of three wrong attempts is located, one of three right ones accepted."""
    assert f1("first_error_f1", SAID) == pytest.approx(1 / 3)
    assert f1(
        "first_error_f1", [("err 1", "err 1"), ("ok", "ok"), ("ok", "err 1")]
    ) == pytest.approx(2 * 1 * 0.5 / 1.5)
    assert f1("first_error_f1", [("err 1", "err 1")]) == 0, (
        "a critic that always complains is no critic"
    )


def test_f1_differences_by_hand() -> None:
    """The other critic calls everything wrong: 3 TP and 3 FP, and locates one of three."""
    said = [(gold, mine, "err 1") for gold, mine in SAID]
    verdicts, errors = f1_deltas("critique", said, 0.95, "k")
    assert verdicts.delta == pytest.approx(2 / 3 - 2 * 3 / (2 * 3 + 3), abs=1e-6)
    assert errors.delta == pytest.approx(1 / 3 - 0, abs=1e-6)
    assert verdicts.lo < verdicts.delta < verdicts.hi
    assert f1_deltas("critique", [], 0.95, "k") == ()


def test_critics_that_agree_throughout_leave_an_interval_with_width() -> None:
    verdicts, _ = f1_deltas("critique", [("err 1", "err 1", "err 1")] * 40, 0.95, "k")
    assert verdicts.delta == 0
    assert -0.2 < verdicts.lo < 0 < verdicts.hi < 0.2


def test_suites_ask_the_critic_and_then_refine_by_it() -> None:
    assert (JUDGE.kind, JUDGE.role, JUDGE.critic) == ("judge", "critic", None)
    assert (REFINE.kind, REFINE.role, REFINE.critic) == ("solve", "actor", "critic")
    assert {JUDGE.split, REFINE.split} == {"heldout"}
    assert (JUDGE.temperature, REFINE.temperature) == (0, 0)
    posed = JUDGE.pose(Reasoning())
    assert {p.task.kind for p in posed} == {"judge"} and len(posed) == 8
    assert {p.task.split for p in posed} == {"heldout"}


def test_a_suite_of_plain_tasks_keeps_its_hash_when_suites_learn_new_things() -> None:
    plain = REFINE.model_copy(update={"critic": None})
    assert "critic" not in plain.model_dump(exclude_defaults=True)
    assert len({plain.hash, REFINE.hash, JUDGE.hash}) == 3


def test_judging_and_solving_are_other_questions() -> None:
    plain = REFINE.model_copy(update={"critic": None})
    assert REFINE.questions == plain.questions != JUDGE.questions


def test_without_an_environment_that_knows_errors_it_says_so() -> None:
    with pytest.raises(CladeflowError, match="toolbox poses no attempts to judge"):
        EVAL.suites(Setting(environments=[Toolbox()], max_tokens=64, seed=3))


def judged(said: Sequence[str | None]) -> SuiteResult:
    """Judgements of the suite's attempts; "right" stands for the right one."""
    posed = JUDGE.pose(Reasoning())
    made: list[Trajectory] = []
    verdicts: list[Verdict] = []
    for (task, gold), answer in zip(posed, said, strict=True):
        text = gold.value if answer == "right" else answer or "?"
        made.append(attempt(task, text))
        verdicts.append(verdict(made[-1], float(text == gold.value)))
    return SuiteResult.from_records(JUDGE, [p.task for p in posed], made, verdicts)


TURNS = ((0, -1), (1, 1), (1, 0), (0, 1), (0, 1), (0, 0), (1, None), (1, 1))
"""Right or wrong before and after; None where the critic agreed, -1 where the check failed."""


def refined() -> SuiteResult:
    tasks = [p.task for p in REFINE.pose(Reasoning())]
    made: list[Trajectory] = []
    verdicts: list[Verdict] = []

    def note(task: Task, mark: float, after: Trajectory | None = None) -> Trajectory:
        made.append(attempt(task, f"={mark}", after=after))
        outcome = "error" if mark < 0 else "checked"
        verdicts.append(
            verdict(made[-1], max(mark, 0.0), "error" if outcome == "error" else "checked")
        )
        return made[-1]

    for task, (before, after) in zip(tasks, TURNS, strict=True):
        first = note(task, before)
        if after is not None:
            note(task, after, first)
    return SuiteResult.from_records(REFINE, tasks, made, verdicts)


def test_the_report_by_hand() -> None:
    golds = [p.gold.value for p in JUDGE.pose(Reasoning())]
    wrong = [gold != "ok" for gold in golds]
    assert 0 < sum(wrong) < 8
    accepting = judged(["ok"] * 8)
    subject = {JUDGE.name: judged(["right"] * 8), REFINE.name: refined()}
    ctx = EvalContext(
        setting=SETTING,
        subject=subject,
        baseline={JUDGE.name: accepting, REFINE.name: refined()},
        trajectories=(),
        verdicts=(),
        confidence=0.95,
        key="k",
    )
    parts = EVAL.report(ctx)
    assert parts.critique == pytest.approx(
        {
            "verdict_f1": 1.0,
            "first_error_f1": 1.0,
            "gain": (0 - 1 + 1 + 1 + 0 + 0 + 0) / 7,
            "correct_to_wrong": 1 / 4,
            "wrong_to_correct": 2 / 3,
        },
        abs=1e-6,
    )
    rows = {row.metric: row for row in parts.rows if row.family == "all"}
    assert (rows["judged"].value, rows["judged"].n) == (1, 8)
    assert (rows["refined"].value, rows["refined"].n) == (pytest.approx(5 / 7, abs=1e-6), 7)
    assert rows["wrong_to_correct"].n == 3
    deltas = {d.metric: d for d in parts.deltas if d.family == "all"}
    assert set(deltas) == {"judged", "refined", "gain", "verdict_f1", "first_error_f1"}
    assert deltas["verdict_f1"].delta == 1, "who accepts everything finds no wrong attempt"
    assert deltas["first_error_f1"].delta == 1
    assert deltas["verdict_f1"].n == 8
    assert (deltas["judged"].wins, deltas["judged"].losses) == (sum(wrong), 0)
    assert deltas["judged"].delta == pytest.approx(sum(wrong) / 8, abs=1e-6)
    assert deltas["refined"].delta == 0
    assert {d.suite for d in parts.deltas} == {"critique"}


def test_rates_decompose_the_accuracy_after() -> None:
    """acc2 = acc1 (1 - c2w) + (1 - acc1) w2c, exactly, where every check came to a verdict."""
    result = refined()
    from cladeflow.evaluate.critique_eval import _turns

    turns = _turns(result)
    known = ~np.isnan(turns["refined"])
    before = turns["refined"][known] - turns["gain"][known]
    p, after = before.mean(), turns["refined"][known].mean()
    c2w, w2c = np.nanmean(turns["correct_to_wrong"]), np.nanmean(turns["wrong_to_correct"])
    assert after == pytest.approx(p * (1 - c2w) + (1 - p) * w2c)


def test_suite_names_are_its_own() -> None:
    assert [s.name for s in (JUDGE, REFINE)] == [
        "reasoning.critique.judge",
        "reasoning.critique.refine",
    ]
    assert isinstance(JUDGE, Suite)
