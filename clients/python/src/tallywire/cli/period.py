"""Periods and instants as people write them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from tallywire.cli.problems import WrongUsage

DEFAULT_LAST: Final = "7d"
_EARLIEST: Final = timezone(timedelta(hours=14))  # where days begin first
NAMES: Final = (
    "today",
    "yesterday",
    *("week", "last week"),
    *("month", "last month"),
    *("quarter", "last quarter"),
    *("year", "last year"),
)
_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedPeriod:
    """The interval [start, end) of aware datetimes, and the zone of its buckets; None is the organization's."""

    start: datetime
    end: datetime
    time_zone: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The organization's time zone, and the day on which its weeks begin: 0 is Monday."""

    time_zone: str
    week_start: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What --last, --from, --to and --zone say; the last 7 days without any of them."""

    last: str | None
    start: str | None
    end: str | None
    zone: str | None
    now: datetime

    def check(self) -> None:
        """Raises WrongUsage for what makes no sense in any zone."""
        self._period(_zone(self.zone) if self.zone else _EARLIEST, 0)

    def period(self, organization: Callable[[], Home]) -> AskedPeriod:
        """Returns the period. Days are those of the zone, without one of the organization's. Raises WrongUsage."""
        where, week_start = _zone(self.zone) if self.zone else UTC, 0
        name = _name(self.last) if self.last else None
        has_days = name is not None or any(text and _date(text) for text in (self.start, self.end))
        if name in ("week", "last week") or (has_days and not self.zone):
            home = organization()
            where, week_start = where if self.zone else _organizations(home.time_zone), home.week_start
        return self._period(where, week_start)

    def _period(self, where: tzinfo, week_start: int) -> AskedPeriod:
        """Returns the period whose days are those of a zone."""
        if self.last is not None and (self.start or self.end):
            raise WrongUsage("--last goes without --from and --to")
        if self.end and not self.start:
            raise WrongUsage("--to needs --from")
        if self.start is None:
            begin, until = self._last(self.last or DEFAULT_LAST, where, week_start)
            return AskedPeriod(start=begin, end=until, time_zone=self.zone)
        begin = instant(self.start, where, "--from")
        until = instant(self.end, where, "--to") if self.end else self.now
        if until <= begin:
            raise WrongUsage("--to is not later than --from" if self.end else "--from lies in the future")
        return AskedPeriod(start=begin, end=until, time_zone=self.zone)

    def _last(self, text: str, where: tzinfo, week_start: int) -> tuple[datetime, datetime]:
        """Returns the period of a name or a length."""
        name = _name(text)
        if name is None:
            return self.now - _length(text), self.now
        first, after = _days(name, self.now.astimezone(where).date(), week_start)
        return _midnight(first, where), _midnight(after, where)


def _name(text: str) -> str | None:
    """Returns the name of a period that a text is, or None."""
    name = re.sub(r"[\s_-]+", " ", text.strip().lower())
    return name if name in NAMES else None


def _days(name: str, today: date, week_start: int) -> tuple[date, date]:
    """Returns the first day of a period by name, and the first day after it."""
    match name.removeprefix("last "):
        case "today":
            first, after = today, today + timedelta(days=1)
        case "yesterday":
            first, after = today - timedelta(days=1), today
        case "week":
            first = today - timedelta(days=(today.weekday() - week_start) % 7 + 7 * name.startswith("last "))
            after = first + timedelta(days=7)
        case unit:
            months = _MONTHS[unit]
            number = today.year * 12 + (today.month - 1) // months * months - months * name.startswith("last ")
            first, after = (date(one // 12, one % 12 + 1, 1) for one in (number, number + months))
    return first, after


def _midnight(day: date, where: tzinfo) -> datetime:
    """Returns a day's midnight. Where the clocks skip it, this is the first instant of the day all the same."""
    return datetime.combine(day, time(), where).astimezone(UTC)


def instant(text: str, where: tzinfo | None, option: str) -> datetime:
    """Returns an RFC 3339 instant, or a date's midnight in the zone if there is one. Raises WrongUsage."""
    day = _date(text)
    if day is not None and where is not None:
        return _midnight(day, where)
    try:
        parsed = datetime.fromisoformat(text)
        if parsed.tzinfo is not None:
            return parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    date_or = "a date (2026-01-31) or " if where is not None else ""
    raise WrongUsage(f"{option} is {date_or}an RFC 3339 instant (2026-01-31T12:00:00Z), not {text!r}")


def _date(text: str) -> date | None:
    """Returns the date that a text is, or None."""
    try:
        return date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else None
    except ValueError:
        return None


def _length(text: str) -> timedelta:
    """Returns 7d, 12h, 30m or 2w as a length. Raises WrongUsage."""
    found = re.fullmatch(r"([1-9]\d{0,5})([mhdw])", text)
    if found is None:
        raise WrongUsage(
            f"--last is a number with m, h, d or w, such as 7d, or one of {', '.join(NAMES)}, not {text!r}"
        )
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _organizations(name: str) -> ZoneInfo:
    """Returns the organization's time zone. Raises WrongUsage where this machine does not know it."""
    try:
        return ZoneInfo(name or "UTC")
    except (KeyError, ValueError, OSError):
        raise WrongUsage(
            f"dates are those of the organization's time zone {name}, which this machine does not know: pass instants,"
            " or --zone"
        ) from None


def _zone(name: str) -> ZoneInfo:
    """Returns the time zone of that name. Raises WrongUsage."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise WrongUsage(f"--zone is the name of an IANA time zone, such as Europe/Paris, not {name!r}") from None
