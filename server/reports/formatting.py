"""Figures and times as people read them, in a language. An absent figure is a dash."""

import math
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from server import timerange
from server.exports import labels
from server.exports.tables import DataColumn, Value, ValueKind
from server.organizations.restriction import Restriction
from server.reports import texts
from server.reports.document import EARLIER
from server.reports.texts import ReportTexts
from server.timerange import Interval

_NARROW, _THIN = "\u202f", "\u00a0"
_DURATIONS: Final = ((86_400_000, 2, "d"), (3_600_000, 2, "h"), (60_000, 2, "min"), (1_000, 1, "s"))
_BYTES: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_COMPACT_FROM: Final = 100_000
_LEAST_CHANGE: Final = 0.05  # percent or points
_SMALL_MONEY: Final = 0.095
_RATING: Final = "rating"
_TEN_THOUSANDTHS: Final = "10*-4"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownChange:
    """How a figure has changed: -1, 0 or 1, and what to show. verdict is +1 for good news, -1 for bad, else 0."""

    direction: int
    text: str
    verdict: int


class Formatting:
    """Writes figures and times in a language and a zone."""

    def __init__(self, locale: str, zone: ZoneInfo) -> None:
        self.texts: ReportTexts = texts.of(locale)
        self.zone = zone
        self._is_german = locale == "de"

    def part(self, restriction: Restriction | None) -> str:
        """Returns the sentence that says which part of the organization figures are of; empty for the whole."""
        if restriction is None:
            return ""
        dimension = self.texts.restricted_to[restriction.dimension]
        return self.texts.restricted.format(dimension, ", ".join(restriction.values))

    def title(self, column: DataColumn) -> str:
        """Returns the title of a column, in the language where it has one in that."""
        name = column.name.removeprefix(EARLIER)
        title = self.texts.titles.get(name)
        if title is None:
            return column.title
        return title if name == column.name else f"{title}, {self.texts.earlier.lower()}"

    def figure(self, column: DataColumn, value: Value, *, compact: bool = False) -> str:
        """Returns a value of a column with its unit; compact is for axes and cards."""
        match value:
            case None:
                return self.texts.absent
            case bool():
                return "✓" if value else self.texts.absent
            case str():
                return value
            case datetime():
                return self.instant(value)
            case date():
                return self.day(value)
        if math.isnan(value) or math.isinf(value):
            return self.texts.absent
        return self._number_of(column, value, compact=compact)

    def _number_of(self, column: DataColumn, value: int | float, *, compact: bool) -> str:
        match column.kind:
            case ValueKind.FRACTION:
                return f"{self.number(value * 100, 1, 1)}{_THIN if self._is_german else ''}%"
            case ValueKind.DURATION_MS:
                return self._duration(value)
            case ValueKind.BYTES:
                return self._bytes(value)
            case ValueKind.MONEY_MICROS:
                return self._money(value, column.currency, compact=compact)
        if column.unit == _RATING:
            return self.number(value, 2, 2)
        if column.unit == "%":
            return f"{self.number(value, 1)}{_THIN if self._is_german else ''}%"
        if column.unit == _TEN_THOUSANDTHS:
            return self.number(value / 10_000, 2, 2)
        if compact and abs(value) >= _COMPACT_FROM:
            return self._compact(value)
        whole = isinstance(value, int) or value.is_integer()
        return self.number(value, 0 if whole else _digits(value))

    def number(self, value: float, most: int, least: int = 0) -> str:
        """Returns a number with so many digits after the point, grouped by thousands."""
        text = f"{value:,.{most}f}"
        if most > least:
            whole, _, rest = text.partition(".")
            rest = rest[:least] + rest[least:].rstrip("0")
            text = f"{whole}.{rest}" if rest else whole
        if text.startswith("-") and not text.strip("-0.,"):
            text = text[1:]
        return text.translate(str.maketrans(",.", ".,")) if self._is_german else text

    def _compact(self, value: float) -> str:
        for size, english, german in ((1e9, "B", "Mrd."), (1e6, "M", "Mio."), (1e3, "K", "Tsd.")):
            if abs(value) >= size:
                text = self.number(value / size, 1)
                return f"{text}{_THIN}{german}" if self._is_german else f"{text}{english}"
        return self.number(value, 0)

    def _duration(self, value: float) -> str:
        for length, least, unit in _DURATIONS:
            if abs(value) >= length * least:
                size = value / length
                return f"{self.number(size, _digits(size))}{_THIN}{unit}"
        return f"{self.number(value, 0)}{_THIN}ms"

    def _bytes(self, value: float) -> str:
        size, rank = float(value), 0
        while abs(size) >= 1024 and rank < len(_BYTES) - 1:
            size, rank = size / 1024, rank + 1
        return f"{self.number(size, 0 if rank == 0 else _digits(size))}{_THIN}{_BYTES[rank]}"

    def _money(self, micros: int | float, currency: str, *, compact: bool) -> str:
        amount = float(labels.money(micros))
        if compact and abs(amount) >= _COMPACT_FROM:
            text = self._compact(amount)
        elif amount and abs(amount) < _SMALL_MONEY:
            text = self.number(amount, min(8, 1 - math.floor(math.log10(abs(amount)))), 2)
        else:
            text = self.number(amount, 2, 2)
        if not currency:
            return text
        return f"{text}{_THIN}{currency}" if self._is_german else f"{currency}{_THIN}{text}"

    def change(self, column: DataColumn, value: Value, earlier: Value, better: int = 0) -> ShownChange | None:
        """Returns how a figure has changed: rates in points, everything else in percent; None where that cannot be
        told.
        """
        if not column.is_number or not isinstance(value, int | float) or not isinstance(earlier, int | float):
            return None
        in_points = column.kind is ValueKind.FRACTION
        if not in_points and earlier == 0:
            return None
        by = (value - earlier) * 100 if in_points else (value - earlier) / abs(earlier) * 100
        if abs(by) < _LEAST_CHANGE:
            return ShownChange(direction=0, text="=", verdict=0)
        direction = 1 if by > 0 else -1
        unit = self.texts.points if in_points else "%"
        text = f"{'+' if by > 0 else '−'}{self.number(abs(by), 1)}{_THIN}{unit}"
        return ShownChange(direction=direction, text=text, verdict=direction * better)

    def day(self, day: date, *, year: bool = True, weekday: bool = False) -> str:
        """Returns a day of the calendar: "28 Nov 2026"."""
        month = self.texts.months[day.month - 1]
        text = f"{day.day}.{_THIN}{month}" if self._is_german else f"{day.day}{_THIN}{month}"
        text = f"{text} {day.year}" if year else text
        return f"{self.texts.weekdays[day.weekday()]} {text}" if weekday else text

    def days(self, bounds: Interval) -> str:
        """Returns the days of a period: "23 – 29 Nov 2026". One that does not go from midnight to midnight has its
        times.
        """
        first, last = timerange.day_at(bounds.start, self.zone), timerange.day_at(bounds.end, self.zone)
        if (bounds.start, bounds.end) != (timerange.midnight(first, self.zone), timerange.midnight(last, self.zone)):
            return f"{self.instant(bounds.start)} – {self.instant(bounds.end)}"
        last = date.fromordinal(last.toordinal() - 1)
        if first == last:
            return self.day(first, weekday=True)
        if (first.year, first.month) == (last.year, last.month):
            return f"{first.day}{'.' if self._is_german else ''} – {self.day(last)}"
        return f"{self.day(first, year=first.year != last.year)} – {self.day(last)}"

    def day_count(self, bounds: Interval) -> str:
        """Returns how many days a period has."""
        days = (timerange.day_at(bounds.end, self.zone) - timerange.day_at(bounds.start, self.zone)).days
        return self.texts.one_day if days == 1 else self.texts.days.format(self.number(days, 0))

    def instant(self, at: datetime) -> str:
        """Returns an instant on the wall of the zone, with its offset: "28 Nov 2026, 14:05 +01:00"."""
        local = at.astimezone(self.zone)
        offset = f"{local:%z}"
        return f"{self.day(local.date())}, {local:%H:%M} {offset[:3]}:{offset[3:]}"

    def bucket(self, start: datetime, granularity: str, previous: datetime | None = None) -> str:
        """Returns the name of a point of a chart: a day, or a time where there are several of a day. An hour that comes
        twice carries its offset.
        """
        local = start.astimezone(self.zone)
        if granularity in ("month", "quarter", "year"):
            month = self.texts.months[local.month - 1]
            return {"month": f"{month} {local.year}", "quarter": f"Q{(local.month + 2) // 3} {local.year}"}.get(
                granularity, str(local.year)
            )
        if granularity in ("day", "week"):
            return self.day(timerange.day_at(start, self.zone), year=False)
        twice = previous is not None and previous.astimezone(self.zone).utcoffset() != local.utcoffset()
        time = f"{local:%H:%M}{f' {local:%z}' if twice else ''}"
        return f"{self.day(local.date(), year=False)} {time}"


def _digits(value: float) -> int:
    """Returns how many digits after the point say something: none from 100 on."""
    size = abs(value)
    return 0 if size >= 100 else 1 if size >= 10 else 2
