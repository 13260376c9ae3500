"""Days, weeks and months in the city's zone, and the same window a year before.

The zone is a fixed distance from UTC, as the city's calendar states it. A day is told by its number since
1970 there, which both databases compute alike; its label, and that of its week or month, is made here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone

from callmesh.api.v1 import tracking_service_pb2 as api
from callmesh.tracking.words import SECOND, micros_of

By = api.GetFiguresRequest
PERIODS = (By.DAY, By.WEEK, By.MONTH)
_EPOCH_DAY = date(1970, 1, 1)
_DAY = 86_400 * SECOND
_FIRST, _LAST = micros_of(datetime(1971, 1, 2, tzinfo=UTC)), micros_of(datetime(9998, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Zone:
    """A distance from UTC."""

    minutes: int

    @property
    def micros(self) -> int:
        """To add to UTC."""
        return self.minutes * 60 * SECOND

    @property
    def tz(self) -> timezone:
        """For datetimes."""
        return timezone(timedelta(minutes=self.minutes))

    def __str__(self) -> str:
        sign, (hours, rest) = "-" if self.minutes < 0 else "+", divmod(abs(self.minutes), 60)
        return f"{sign}{hours:02}:{rest:02}"

    def today(self, now: datetime) -> int:
        """Midnight here, in microseconds."""
        return micros_of(now.astimezone(self.tz).replace(hour=0, minute=0, second=0, microsecond=0))

    def year_before(self, at: int) -> int:
        """The same local time a year earlier; 29 February becomes the 28th. Times before 1971 stay as they are."""
        if not _FIRST <= at <= _LAST:
            return at
        seconds, rest = divmod(at, SECOND)
        local = datetime.fromtimestamp(seconds, self.tz)
        return micros_of(_year_before(local)) + rest

    def starts(self, by: int, label: str) -> tuple[int, int]:
        """Start and end of the period with that label, in microseconds."""
        first = _first_day(by, label)
        following = _after(by, first)
        return tuple((day - _EPOCH_DAY).days * _DAY - self.micros for day in (first, following))  # type: ignore[return-value]


def label(by: int, day: int) -> str:
    """2026-03-02, 2026-W10 or 2026-03 of a day's number."""
    found = _EPOCH_DAY + timedelta(days=day)
    if by == By.WEEK:
        year, week, _ = found.isocalendar()
        return f"{year:04}-W{week:02}"
    return found.isoformat() if by == By.DAY else f"{found.year:04}-{found.month:02}"


def year_later(text: str) -> str:
    """The label of the same period a year later."""
    return f"{int(text[:4]) + 1:04}{text[4:]}" if text else text


def _year_before(local: datetime) -> datetime:
    try:
        return local.replace(year=local.year - 1)
    except ValueError:
        return local.replace(year=local.year - 1, day=28)


def _first_day(by: int, text: str) -> date:
    if by == By.WEEK:
        return date.fromisocalendar(int(text[:4]), int(text[6:]), 1)
    return date.fromisoformat(text if by == By.DAY else f"{text}-01")


def _after(by: int, first: date) -> date:
    if by == By.MONTH:
        return date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return first + timedelta(days=7 if by == By.WEEK else 1)
