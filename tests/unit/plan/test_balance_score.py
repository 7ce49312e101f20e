"""Balance scores by hand, what is chosen by them, and how they reach the plan."""

import pytest

from cladeflow.environments import Reasoning
from cladeflow.evaluate import EvalContext, Setting, SuiteResult
from cladeflow.plan import BalanceScore
from cladeflow.plan.balance_score import balance, measure
from cladeflow.records import Trajectory, Verdict
from tests.attempts import attempt, verdict

SETTING = Setting(environments=[Reasoning()], max_tokens=64, seed=3)


@pytest.mark.parametrize(
    ("kept", "score"),
    [
        ([True] * 8, 1.0),
        ([True] * 16, 1.0),
        ([True] * 4, 0.5),
        ([True] * 4 + [False] * 4, 0.25),
        ([True] * 8 + [False] * 8, 0.5),
        ([False], 0.0),
    ],
)
def test_the_score_of_a_task(kept: list[bool], score: float) -> None:
    assert balance(kept, target=8) == score


def result(control: BalanceScore, which: int, letters: list[str]) -> SuiteResult:
    """Samples by letter: equal letters equal texts, upper case right, half a reward for ``h``."""
    suite = control.probe().suites(SETTING)[which]
    tasks = [posed.task for posed in suite.pose(Reasoning())]
    made: list[Trajectory] = []
    verdicts: list[Verdict] = []
    for task, said in zip(tasks, letters, strict=True):
        for i, letter in enumerate(said):
            made.append(attempt(task, letter, sample=i))
            value = 0.5 if letter == "h" else float(letter.isupper())
            verdicts.append(verdict(made[-1], value, "error" if letter == "?" else "checked"))
    return SuiteResult.from_records(suite, tasks, made, verdicts)


def test_what_is_measured_by_hand() -> None:
    control = BalanceScore(
        target=2, temperatures=(0.5, 1.0), thresholds=(1.0, 0.5), tasks=4, samples=4
    )
    probe = control.probe()
    suites = probe.suites(SETTING)
    assert [(s.temperature, s.split, s.samples) for s in suites] == [
        (0.5, "dev", 4),
        (1.0, "dev", 4),
    ]
    assert suites[0].cells == suites[1].cells
    results = [
        result(control, 0, ["AAAA", "AAbb", "bbbb", "AB??"]),
        result(control, 1, ["ABCh", "Abch", "hhhh", "????"]),
    ]
    ctx = EvalContext(
        setting=SETTING,
        subject={r.suite.name: r for r in results},
        baseline={},
        trajectories=(),
        verdicts=(),
        confidence=0.95,
        key="k",
    )
    found = probe.report(ctx).exploration
    assert found == pytest.approx(
        {
            # kept, each text once: A | A | nothing | A B
            "balance/0.5/1": (0.5 + 0.5 + 1) / 3,
            "balance/0.5/0.5": (0.5 + 0.5 + 1) / 3,
            # A B C | A | nothing | nothing, and with h: 3 of 4, 1 of 2, 0 of 1
            "balance/1/1": (1 + 0.5) / 2,
            "balance/1/0.5": (1 * 3 / 4 + 0.5 * 1 / 2 + 0) / 3,
        },
        abs=1e-6,
    )
    assert control.settings(2, found) == {"temperature": 1.0, "threshold": 1.0}


def test_the_best_place_of_the_grid_wins_and_ties_go_to_the_first() -> None:
    control = BalanceScore(temperatures=(0.5, 0.9), thresholds=(1.0, 0.5))
    measured = {measure(t, tau): 0.5 for t in (0.5, 0.9) for tau in (1.0, 0.5)}
    assert control.settings(2, measured) == {"temperature": 0.5, "threshold": 1.0}
    assert control.settings(2, {**measured, "balance/0.9/0.5": 0.6}) == {
        "temperature": 0.9,
        "threshold": 0.5,
    }


def test_nothing_known_changes_nothing() -> None:
    assert BalanceScore().settings(1, {}) == BalanceScore().settings(2, {"entropy": 1.0}) == {}


def test_a_probe_is_part_of_what_an_evaluation_is_named_by() -> None:
    one, other = BalanceScore(), BalanceScore(samples=4)
    assert one.probe().identity() == one.identity() != other.probe().identity()
