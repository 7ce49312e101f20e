"""Cron expressions as Kubeflow's scheduler reads them: when they fire, and in which zone.

Fields are minute, hour, day of month, month, day of week, with seconds before them where there
are six. Each is ``*``, a number, a name, a range ``a-b``, a step ``*/n`` or a list of those. Where
day of month and day of week are both restricted, either suffices. A local time that a change of
clocks leaves out does not fire.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from itertools import product
from typing import NamedTuple
from zoneinfo import ZoneInfo

from cladeflow.errors import RecipeError

_HORIZON = timedelta(days=5 * 366)
"""How far the scheduler looks ahead; what does not fire by then never does."""
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]


class _Field(NamedTuple):
    name: str
    least: int
    most: int
    words: tuple[str, ...] = ()


_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, tuple(_MONTHS)),
    _Field("day of week", 0, 6, tuple(_DAYS)),
)


class Cron:
    """A cron expression in a time zone. Raises `RecipeError` where it is none or never fires."""

    def __init__(self, text: str, zone: str) -> None:
        parts = text.split()
        if len(parts) not in (5, 6):
            raise RecipeError(
                f"cron {text!r} has {len(parts)} fields; write five (minute, hour, day of month, "
                "month, day of week), or six with seconds before them"
            )
        self.text = text
        self.zone = ZoneInfo(zone)
        self.fields = tuple(parts if len(parts) == 6 else ["0", *parts])
        pairs = zip(self.fields, _FIELDS, strict=True)
        found = [_values(part, field, text) for part, field in pairs]
        self._second, self._minute, self._hour, self._day, self._month, self._weekday = found
        if next(self.after(datetime.now(UTC)), None) is None:
            raise RecipeError(
                f"cron {text!r} never fires: no month it names has such a day; "
                "check day of month and month"
            )

    @property
    def kfp(self) -> str:
        """The six fields that Kubeflow wants."""
        return " ".join(self.fields)

    def after(self, moment: datetime) -> Iterator[datetime]:
        """The moments (UTC) at which it fires after ``moment``, in order, as far as it looks."""
        day = moment.astimezone(self.zone).date()
        last = day + _HORIZON
        while day <= last:
            if self._is_due(day):
                for at in self._moments(day):
                    if at > moment:
                        yield at
            day += timedelta(days=1)

    def between(self, start: datetime, end: datetime, most: int = 10_000) -> list[datetime]:
        """The moments after ``start`` up to ``end``; the last ``most`` of them."""
        found = []
        for moment in self.after(start):
            if moment > end:
                break
            found.append(moment)
        return found[-most:]

    def _is_due(self, day: date) -> bool:
        if day.month not in self._month:
            return False
        by_day, by_weekday = day.day in self._day, day.isoweekday() % 7 in self._weekday
        either = self.fields[3][0] not in "*?" and self.fields[5][0] not in "*?"
        return (by_day or by_weekday) if either else (by_day and by_weekday)

    @cached_property
    def _times(self) -> list[tuple[int, int, int]]:
        return list(product(sorted(self._hour), sorted(self._minute), sorted(self._second)))

    def _moments(self, day: date) -> Iterator[datetime]:
        """When it fires on a day; a time that the day leaves out is left out."""
        for hour, minute, second in self._times:
            local = datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=self.zone)
            moment = local.astimezone(UTC)
            if moment.astimezone(self.zone).replace(tzinfo=None) == local.replace(tzinfo=None):
                yield moment

    def converted(self, zone: str, now: datetime | None = None) -> list[str]:
        """The expression in another zone: one, or one per offset where clocks change in a year.

        Empty where no expression there says the same.
        """
        start = now or datetime.now(UTC)
        there = ZoneInfo(zone)
        shifts: dict[int, str] = {}
        for day in range(366):
            at = start + timedelta(days=day)
            mine, other = at.astimezone(self.zone).utcoffset(), at.astimezone(there).utcoffset()
            assert mine is not None and other is not None
            minutes = int((other - mine).total_seconds() // 60)
            shifts.setdefault(minutes, at.astimezone(there).date().isoformat())
        found = [(self._shifted(minutes), since) for minutes, since in shifts.items()]
        if any(text is None for text, _ in found):
            return []
        return [f"{text}" + (f" from {d}" if i else "") for i, (text, d) in enumerate(found)]

    def _shifted(self, minutes: int) -> str | None:
        """Five fields that fire so many minutes later by the clock; None: there are none."""
        if minutes % 60 and len(self._minute) > 1:
            return None
        if self.fields[2] == "*" and not minutes % 60:
            return " ".join(self.fields[1:])
        total = [hour * 60 + minute + minutes for hour in self._hour for minute in self._minute]
        days = {value // 1440 for value in total}
        if len(days) > 1 or (days != {0} and self.fields[3:5] != ("*", "*")):
            return None
        by = days.pop()
        hours = sorted({value // 60 % 24 for value in total})
        minute = self.fields[1] if not minutes % 60 else str(total[0] % 60)
        weekday = self.fields[5]
        if by and weekday not in "*?":
            weekday = _listed((value + by) % 7 for value in self._weekday)
        return " ".join([minute, _listed(hours), *self.fields[3:5], weekday])


def _listed(values: Iterator[int] | list[int]) -> str:
    return ",".join(map(str, sorted(values)))


def _values(text: str, field: _Field, whole: str) -> frozenset[int]:
    """The values that one field stands for."""
    found: set[int] = set()
    for part in text.split(","):
        found.update(_range(part, field, whole))
    return frozenset(found)


def _range(part: str, field: _Field, whole: str) -> range:
    span, slash, step = part.partition("/")
    every = int(step) if step.isdigit() else 0
    if slash and every < 1:
        raise RecipeError(f"cron {whole!r}: {part!r} has no step such as /5 ({field.name})")
    if span in ("*", "?"):
        return range(field.least, field.most + 1, every or 1)
    low, dash, high = span.partition("-")
    first = _number(low, field, part, whole)
    last = _number(high, field, part, whole) if dash else (field.most if slash else first)
    if last < first:
        raise RecipeError(f"cron {whole!r}: {part!r} runs backwards ({field.name})")
    return range(first, last + 1, every or 1)


def _number(text: str, field: _Field, part: str, whole: str) -> int:
    word = text.lower()
    if word in field.words:
        return field.words.index(word) + field.least
    if text.isdigit() and field.least <= int(text) <= field.most:
        return int(text)
    raise RecipeError(
        f"cron {whole!r}: {part!r} is no {field.name} between {field.least} and {field.most}"
    )
