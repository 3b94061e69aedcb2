"""Periods and instants as people write them."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from agentmetrics.cli.problems import WrongUsage

DEFAULT_LAST: Final = "7d"
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """The interval [start, end) of aware datetimes, and the zone of its buckets; None is the organization's."""

    start: datetime
    end: datetime
    time_zone: str | None


def period(last: str | None, start: str | None, end: str | None, zone: str | None, now: datetime) -> Period:
    """Returns the period that --last, --from, --to and --zone say; the last 7 days without any of them.

    Dates are midnights in the zone, in UTC without one. Raises WrongUsage.
    """
    if last is not None and (start or end):
        raise WrongUsage("--last goes without --from and --to")
    if end and not start:
        raise WrongUsage("--to needs --from")
    where = _zone(zone)
    if start is None:
        return Period(start=now - _length(last or DEFAULT_LAST), end=now, time_zone=zone)
    begin = instant(start, where, "--from")
    until = instant(end, where, "--to") if end else now
    if until <= begin:
        raise WrongUsage("--to is not later than --from" if end else "--from lies in the future")
    # A period that begins at UTC midnights gets UTC days, not those of a zone that nobody named.
    by_date = any(text and _date(text) for text in (start, end))
    return Period(start=begin, end=until, time_zone=zone or ("UTC" if by_date else None))


def instant(text: str, where: ZoneInfo, option: str) -> datetime:
    """Returns a date's midnight in the zone, or an RFC 3339 instant. Raises WrongUsage."""
    day = _date(text)
    if day is not None:
        # Where the clocks skip midnight, this is the first instant of the day all the same.
        return datetime.combine(day, time(), where).astimezone(UTC)
    try:
        parsed = datetime.fromisoformat(text)
        if parsed.tzinfo is not None:
            return parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise WrongUsage(f"{option} is a date (2026-01-31) or an RFC 3339 instant (2026-01-31T12:00:00Z), not {text!r}")


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


def _zone(name: str | None) -> ZoneInfo:
    """Returns the time zone of that name, UTC without one. Raises WrongUsage."""
    try:
        return ZoneInfo(name or "UTC")
    except (KeyError, ValueError, OSError):
        raise WrongUsage(f"--zone is the name of an IANA time zone, such as Europe/Paris, not {name!r}") from None
