"""Figures as the pages show them in British English, worked out anew, so that what a browser shows can be compared.

Rounding is that of ICU: halves away from zero, on the shortest decimal that stands for the number.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from zoneinfo import ZoneInfo

ABSENT = "–"

_HOUR = 3_600_000
# From how many milliseconds on a duration is told in which unit, and how many that has.
_DURATIONS = ((48 * _HOUR, 24 * _HOUR, "d"), (2 * _HOUR, _HOUR, "h"), (120_000, 60_000, "min"), (1_000, 1_000, "s"))
_SMALL_MONEY = 0.095
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sept", "Oct", "Nov", "Dec")
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def figure(value: float | None, unit: str) -> str:
    """Returns a figure in full, by its unit in the catalogue; None is absent."""
    match unit:
        case _ if value is None:
            return ABSENT
        case "fraction":
            return f"{_rounded(_exact(value) * 100, 1):.1f}%"
        case "ms":
            return _duration(value)
        case "micros":
            return _money(value / 1e6)
        case "rating":
            return f"{_rounded(_exact(value), 2):.2f} / 5"
        case _:
            return _three_digits(value)


def days(starts: Sequence[datetime]) -> list[str]:
    """Returns the names of days, by their first instants in their zone."""
    return [f"{_WEEKDAYS[at.weekday()]} {at.day} {_MONTHS[at.month - 1]} {at.year}" for at in starts]


def hours(starts: Sequence[datetime]) -> list[str]:
    """Returns the names of hours of a day, by their first instants; those that occur twice tell the offset."""
    walls = [at.strftime("%H:%M") for at in starts]
    names = []
    for at, wall in zip(starts, walls, strict=True):
        name = f"{_WEEKDAYS[at.weekday()]} {at.day} {_MONTHS[at.month - 1]}"
        # British English writes 1:00, but 01:00 beside an offset.
        names.append(f"{name} {wall} {_offset(at)}" if walls.count(wall) > 1 else f"{name} {wall.removeprefix('0')}")
    return names


def local(at: datetime, zone: str) -> datetime:
    """Returns an instant on the wall of a zone."""
    return at.astimezone(ZoneInfo(zone))


def _exact(value: float) -> Decimal:
    return Decimal(repr(value))


def _rounded(value: Decimal, places: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)


def _plain(value: Decimal) -> str:
    """Thousands apart, and no zeros at the end of the decimals."""
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _three_digits(value: float) -> str:
    size = abs(value)
    places = 0 if size >= 100 else 1 if size >= 10 else 2
    return _plain(_rounded(_exact(value), places))


def _duration(ms: float) -> str:
    for least, length, unit in _DURATIONS:
        if ms >= least:
            return f"{_three_digits(ms / length)} {unit}"
    return f"{_plain(_rounded(_exact(ms), 0))} ms"


def _money(amount: float) -> str:
    if 0 < amount < _SMALL_MONEY:
        return f"US${_plain(Context(prec=2, rounding=ROUND_HALF_UP).create_decimal(_exact(amount)))}"
    return f"US${_rounded(_exact(amount), 2):,.2f}"


def _offset(at: datetime) -> str:
    minutes = int(at.utcoffset().total_seconds()) // 60  # type: ignore[union-attr]  # always of a zone
    hours, rest = divmod(abs(minutes), 60)
    return f"GMT{'-' if minutes < 0 else '+'}{hours}{f':{rest:02}' if rest else ''}"
