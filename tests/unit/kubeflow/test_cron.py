"""When a cron fires, what it is in another zone, and what is refused."""

from datetime import UTC, datetime

import pytest

from cladeflow.errors import RecipeError
from cladeflow.kubeflow.cron import Cron


def fires(text: str, start: str, count: int, zone: str = "UTC") -> list[str]:
    moments = Cron(text, zone).after(datetime.fromisoformat(start).replace(tzinfo=UTC))
    return [next(moments).strftime("%Y-%m-%dT%H:%M") for _ in range(count)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 2 * * *", ["2026-01-02T02:00", "2026-01-03T02:00"]),
        ("30 0 2 * * *", ["2026-01-02T02:00", "2026-01-03T02:00"]),
        ("*/20 12 * * *", ["2026-01-01T12:20", "2026-01-01T12:40"]),
        ("0 9-17/4 * * mon-fri", ["2026-01-01T13:00", "2026-01-01T17:00"]),
        ("0 0 1,15 * *", ["2026-01-15T00:00", "2026-02-01T00:00"]),
        ("0 0 13 * fri", ["2026-01-02T00:00", "2026-01-09T00:00"]),  # either suffices
        ("0 0 29 feb *", ["2028-02-29T00:00"]),
        ("0 0 31 * ?", ["2026-01-31T00:00", "2026-03-31T00:00"]),
    ],
)
def test_when_it_fires(text: str, expected: list[str]) -> None:
    assert fires(text, "2026-01-01T12:00", len(expected)) == expected


def test_local_times_follow_the_clocks_and_one_that_is_left_out_does_not_fire() -> None:
    # Berlin: UTC+1 until 29 March 2026 01:00 UTC, when 02:00 becomes 03:00.
    assert fires("0 3 * * *", "2026-03-27T12:00", 2, "Europe/Berlin") == [
        "2026-03-28T02:00",
        "2026-03-29T01:00",
    ]
    assert fires("30 2 * * *", "2026-03-28T12:00", 1, "Europe/Berlin") == ["2026-03-30T00:30"]


def test_between() -> None:
    start, end = (datetime(2026, 1, day, 12, tzinfo=UTC) for day in (1, 4))
    found = Cron("0 2 * * *", "UTC").between(start, end)
    assert [moment.day for moment in found] == [2, 3, 4]
    assert found[-2:] == Cron("0 2 * * *", "UTC").between(start, end, most=2)


def test_kubeflow_wants_six_fields() -> None:
    assert Cron("0 2 * * *", "UTC").kfp == "0 0 2 * * *"
    assert Cron("5 0 2 * * *", "UTC").kfp == "5 0 2 * * *"


@pytest.mark.parametrize(
    ("text", "zone", "to", "expected"),
    [
        ("0 3 * * *", "UTC", "Asia/Tokyo", ["0 12 * * *"]),
        ("0 3 * * mon", "Asia/Tokyo", "UTC", ["0 18 * * 0"]),
        ("15 3 * * *", "UTC", "Asia/Kolkata", ["45 8 * * *"]),
        ("0 * * * *", "UTC", "Asia/Tokyo", ["0 * * * *"]),
        ("0 3 1 * *", "Asia/Tokyo", "UTC", []),
        ("0 3 * * *", "Europe/Berlin", "UTC", ["0 2 * * *", "0 1 * * * from 2026-03-29"]),
    ],
)
def test_in_another_zone(text: str, zone: str, to: str, expected: list[str]) -> None:
    assert Cron(text, zone).converted(to, datetime(2026, 1, 1, 12, tzinfo=UTC)) == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("0 0 30 2 *", "never fires"),
        ("0 0 31 4,6,9,11 *", "never fires"),
        ("* * *", "has 3 fields"),
        ("@daily", "has 1 fields"),
        ("61 * * * *", "'61' is no minute between 0 and 59"),
        ("0 0 * * 7", "'7' is no day of week between 0 and 6"),
        ("0 5-2 * * *", "runs backwards"),
        ("*/0 * * * *", "no step such as /5"),
        ("0 0 0 * *", "'0' is no day of month"),
        ("0 0 * fob *", "'fob' is no month"),
    ],
)
def test_what_is_refused(text: str, problem: str) -> None:
    with pytest.raises(RecipeError, match=problem):
        Cron(text, "UTC")
