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
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedPeriod:
    """The interval [start, end) of aware datetimes, and the zone of its buckets; None is the organization's."""

    start: datetime
    end: datetime
    time_zone: str | None


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
        _period(self.last, self.start, self.end, self.zone, self.now, _zone(self.zone) if self.zone else _EARLIEST)

    def period(self, organization: Callable[[], str]) -> AskedPeriod:
        """Returns the period. Dates are midnights in the zone, without one in the organization's. Raises WrongUsage."""
        where: tzinfo = UTC
        if self.zone:
            where = _zone(self.zone)
        elif any(text and _date(text) for text in (self.start, self.end)):
            where = _organizations(organization())
        return _period(self.last, self.start, self.end, self.zone, self.now, where)


def _period(
    last: str | None, start: str | None, end: str | None, zone: str | None, now: datetime, where: tzinfo
) -> AskedPeriod:
    """Returns the period whose dates are midnights in a zone."""
    if last is not None and (start or end):
        raise WrongUsage("--last goes without --from and --to")
    if end and not start:
        raise WrongUsage("--to needs --from")
    if start is None:
        return AskedPeriod(start=now - _length(last or DEFAULT_LAST), end=now, time_zone=zone)
    begin = instant(start, where, "--from")
    until = instant(end, where, "--to") if end else now
    if until <= begin:
        raise WrongUsage("--to is not later than --from" if end else "--from lies in the future")
    return AskedPeriod(start=begin, end=until, time_zone=zone)


def instant(text: str, where: tzinfo | None, option: str) -> datetime:
    """Returns an RFC 3339 instant, or a date's midnight in the zone if there is one. Raises WrongUsage."""
    day = _date(text)
    if day is not None and where is not None:
        # Where the clocks skip midnight, this is the first instant of the day all the same.
        return datetime.combine(day, time(), where).astimezone(UTC)
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
        raise WrongUsage(f"--last is a number with m, h, d or w, such as 7d, not {text!r}")
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
