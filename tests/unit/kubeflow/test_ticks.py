"""Which moments of a schedule brought no run."""

from datetime import UTC, datetime

from cladeflow.kubeflow.api import Run
from cladeflow.kubeflow.cron import Cron
from cladeflow.kubeflow.ticks import lost

DAILY = Cron("0 2 * * *", "UTC")


def day(number: int, hour: int = 12) -> datetime:
    return datetime(2026, 1, number, hour, tzinfo=UTC)


def run(name: str, created: datetime, finished: datetime | None = None) -> Run:
    end = finished.isoformat() if finished else ""
    return Run(name, name, "RUNNING", created.isoformat(), end, "nightly", "")


def test_a_moment_without_a_run_is_lost() -> None:
    runs = [run("a", day(2, 2), day(2, 3)), run("b", day(4, 5), day(4, 6))]
    assert [(tick.at.day, tick.why) for tick in lost(DAILY, day(1), runs, day(5))] == [
        (3, "lost, or the schedule was paused"),
        (5, "lost, or the schedule was paused"),
    ]


def test_a_run_that_was_under_way_is_named() -> None:
    runs = [run("a", day(2, 2), day(3, 9)), run("b", day(4, 2))]
    assert [(tick.at.day, tick.why) for tick in lost(DAILY, day(1), runs, day(5))] == [
        (3, "run a was under way"),
        (5, "run b was under way"),
    ]


def test_a_moment_that_has_just_passed_is_not_lost_yet() -> None:
    now = datetime(2026, 1, 2, 2, 5, tzinfo=UTC)
    assert lost(DAILY, day(1), [], now) == []
    assert lost(DAILY, day(1), [], datetime(2026, 1, 1, 13, tzinfo=UTC)) == []


def test_only_the_last_month_is_looked_at() -> None:
    later = datetime(2026, 6, 1, 12, tzinfo=UTC)
    assert len(lost(DAILY, day(1), [], later)) == 30
