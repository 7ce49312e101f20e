"""When a champion that is evaluated again has to go."""

import pytest
from pydantic import ValidationError

from cladeflow.promote import Recheck
from cladeflow.records import Delta, EvalReport, Rechecked, ReportRow


def row(value: float, lo: float = 0.0, n: int = 400) -> ReportRow:
    return ReportRow(
        suite="frontier", env="reasoning", family="all", split="heldout", metric="accuracy",
        value=value, lo=lo, hi=1, n=n,
    )  # fmt: skip


def report(now: float, lo: float, before: float) -> EvalReport:
    delta = Delta(
        suite="frontier", family="all", metric="accuracy", delta=round(now - before, 6), lo=-1,
        hi=1, n=200, confidence=0.95,
    )  # fmt: skip
    again = Rechecked(
        promised=row(lo + 0.03, lo), now=row(now, n=200), restored_id="before", delta=delta
    )
    return EvalReport(
        gen=4, agent_id="child", baseline_id="incumbent", suite="s", seeds=(0,), recheck=again
    )


@pytest.mark.parametrize(
    ("now", "lo", "before", "outcome"),
    [
        (0.59, 0.60, 0.65, "fail"),  # below its interval, and worse than who came before
        (0.59, 0.60, 0.59, "fail"),  # no better
        (0.59, 0.60, 0.55, "pass"),  # below, but still better than who would take over
        (0.60, 0.60, 0.65, "pass"),  # not below
        (0.70, 0.60, 0.75, "pass"),
    ],
)
def test_a_champion_goes_that_is_below_its_interval_and_no_better_than_before(
    now: float, lo: float, before: float, outcome: str
) -> None:
    found = report(now, lo, before)
    assert Recheck().decide(found, tried=1).outcome == outcome
    assert found.recheck is not None and found.recheck.fell == (outcome == "fail")


def test_the_reason_can_be_read() -> None:
    (reason,) = Recheck().decide(report(0.59, 0.60, 0.65), tried=1).reasons
    assert reason == (
        "compared with a champion that fell: accuracy on 200 fresh tasks of frontier is 59.0 %, "
        "below the 60.0 % that its line was promoted with, and 6.0 points below before"
    )


def test_it_is_due_in_every_nth_generation_and_passes_in_all_others() -> None:
    assert [n for n in range(1, 10) if Recheck(every=3).due(n)] == [3, 6, 9]
    other = report(0.1, 0.6, 0.9).model_copy(update={"recheck": None})
    assert Recheck().decide(other, tried=1).outcome == "pass"
    with pytest.raises(ValidationError):
        Recheck(every=0)


def test_reports_without_a_recheck_keep_their_identity() -> None:
    plain = report(0.1, 0.6, 0.9).model_copy(update={"recheck": None})
    assert "recheck" not in plain.canonical()
    assert EvalReport.from_line(report(0.1, 0.6, 0.9).to_line()) == report(0.1, 0.6, 0.9)
