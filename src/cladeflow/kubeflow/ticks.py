"""Which moments of a schedule brought no run, as far as the API can tell."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from cladeflow.kubeflow.api import Run
from cladeflow.kubeflow.cron import Cron

_GRACE = timedelta(minutes=10)
"""A run may begin so much later than its moment."""
_LOOK_BACK = timedelta(days=30)


class Lost(NamedTuple):
    """A moment at which no run began."""

    at: datetime
    why: str


def lost(cron: Cron, since: datetime, runs: Sequence[Run], now: datetime) -> list[Lost]:
    """The moments from ``since`` (or a month ago) until now that none of ``runs`` belongs to."""
    moments = cron.between(max(since, now - _LOOK_BACK), now - _GRACE)
    begun = [(_time(run.created), run) for run in runs]
    found = []
    for moment, after in zip(moments, [*moments[1:], now], strict=False):
        if not any(moment <= at < after for at, _ in begun):
            found.append(Lost(moment, _why(moment, begun, now)))
    return found


def _why(moment: datetime, begun: Sequence[tuple[datetime, Run]], now: datetime) -> str:
    for at, run in begun:
        if at <= moment < (_time(run.finished) if run.finished else now):
            return f"run {run.id} was under way"
    return "lost, or the schedule was paused"


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
