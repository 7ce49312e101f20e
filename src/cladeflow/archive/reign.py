"""Who was champion when."""

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any, NamedTuple

from cladeflow.archive.events import Recorded
from cladeflow.errors import CladeflowError

if TYPE_CHECKING:
    from cladeflow.archive.archive import Archive


class Reign(NamedTuple):
    """The champion of a moment. Times are UTC, ISO 8601."""

    on: datetime
    agent_id: str
    since: str
    until: str | None
    """None where it is champion today."""
    change: Recorded | None
    """What made it champion; None for what the evolution started from."""

    def to_json(self) -> dict[str, Any]:
        """What scripts read."""
        how = self.change._asdict() if self.change else None
        return {
            "on": self.on.isoformat(),
            "agent": self.agent_id,
            "since": self.since,
            "until": self.until,
            "change": how,
        }


def moment(text: str) -> datetime:
    """An ISO date, which stands for its end, or an ISO date-time, which is UTC unless it says.

    Raises `CladeflowError` for anything else.
    """
    try:
        if len(text) == len("2026-05-01"):
            return datetime.combine(date.fromisoformat(text), time.max, UTC).replace(microsecond=0)
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:  # in UTC it may lie before the year 1
        raise CladeflowError(
            f"{text!r} is no date: write 2026-05-01, or 2026-05-01T12:00 for a time (UTC)"
        ) from error


def reign(archive: "Archive", on: datetime) -> Reign:
    """Who was champion at a moment; raises `CladeflowError` for one before the evolution began."""
    evolution, changes = archive.evolution, archive.history()
    if on < datetime.fromisoformat(evolution.created):
        raise CladeflowError(
            f"there was no champion on {on.isoformat()}: the evolution began {evolution.created}"
        )
    before = [change for change in changes if datetime.fromisoformat(change.created) <= on]
    until = changes[len(before)].created if len(before) < len(changes) else None
    if not before:
        return Reign(on, evolution.initial, evolution.created, until, None)
    return Reign(on, before[-1].agent_id, before[-1].created, until, before[-1])
