"""Figures as short texts for people. Absent figures are a dash, never 0."""

from collections.abc import Callable, Sequence
from datetime import UTC, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from google.protobuf import timestamp_pb2
from google.protobuf.message import Message

from tallywire.v1 import answer_pb2, metrics_service_pb2, time_pb2

ABSENT: Final = "–"
_BARS: Final = "▁▂▃▄▅▆▇█"
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"
_DATE_FORMATS: Final = {
    time_pb2.GRANULARITY_MINUTE: "%Y-%m-%d %H:%M",
    time_pb2.GRANULARITY_FIVE_MINUTES: "%Y-%m-%d %H:%M",
    time_pb2.GRANULARITY_QUARTER_HOUR: "%Y-%m-%d %H:%M",
    time_pb2.GRANULARITY_HALF_HOUR: "%Y-%m-%d %H:%M",
    time_pb2.GRANULARITY_HOUR: "%Y-%m-%d %H:%M",
    time_pb2.GRANULARITY_MONTH: "%Y-%m",
    time_pb2.GRANULARITY_QUARTER: "%Y-%m",
    time_pb2.GRANULARITY_YEAR: "%Y",
}


def count(value: float) -> str:
    """Returns 1234567 as 1,234,567, and up to one decimal of what is not whole."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def short(value: float) -> str:
    """Returns a count in at most six characters: 1,234, 12.3k, 4.5M."""
    for limit, suffix in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            scaled = value / (1e3 if suffix == "k" else limit)
            return f"{scaled:.1f}{suffix}" if abs(scaled) < 100 else f"{scaled:.0f}{suffix}"
    return count(value)


def milliseconds(value: float) -> str:
    """Returns a duration: 850 ms, 12.3 s, 4.5 min, 2.0 h."""
    for limit, suffix in ((3_600_000, "h"), (60_000, "min"), (1_000, "s")):
        if value >= 10 * limit or (suffix != "s" and value >= 2 * limit):
            return f"{value / limit:,.1f} {suffix}"
    return f"{value:,.0f} ms"


def fraction(value: float) -> str:
    """Returns a fraction in percent."""
    return f"{value * 100:.1f} %"


def rating(value: float) -> str:
    """Returns a mean rating with two decimals."""
    return f"{value:.2f}"


def money(value: float) -> str:
    """Returns millionths of the organization's currency in whole units, with more decimals for small amounts."""
    units = value / 1_000_000
    return f"{units:,.2f}" if abs(units) >= 1 or not units else f"{units:.4f}"


def form_of(form: Callable[[float], str], currency: str) -> Callable[[float], str]:
    """Returns how a figure is written: money with the code of its currency, any other as before."""
    return (lambda value: f"{money(value)} {plain(currency)}") if form is money and currency else form


def size(value: float) -> str:
    """Returns bytes with a binary prefix."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < 1024:
            return f"{value:,.0f} B" if unit == "B" else f"{value:,.1f} {unit}"
        value /= 1024
    return f"{value:,.1f} TiB"


def change(value: metrics_service_pb2.Overview, name: str) -> str:
    """Returns a change in percent with its sign, or a dash when it cannot be computed."""
    message = getattr(value, name)
    return percent(message.percent) if message.HasField("percent") else ABSENT


def ten_thousandths(value: float) -> str:
    """Returns ten-thousandths as the number that they are."""
    return f"{value / 10_000:,.2f}"


def percent(value: float) -> str:
    """Returns a change in percent with its sign."""
    return f"{value:+,.1f} %"


def compared(value: float | None, earlier: float | None) -> str:
    """Returns by how much a figure has changed, in percent, or a dash when that has no meaning."""
    if value is None or not earlier:
        return ABSENT
    return percent((value - earlier) / earlier * 100)


BY_UNIT: Final[dict[str, Callable[[float], str]]] = {
    "ms": milliseconds,
    "By": size,
    "micros": money,
    "fraction": fraction,
    "rating": rating,
    "10*-4": ten_thousandths,
    "%": percent,
}
"""How a value of each unit of the catalogue is written; others are counts."""


def field(message: Message, name: str, form: Callable[[float], str] = count) -> str:
    """Returns an optional field of a message, or a dash when it is absent."""
    return form(getattr(message, name)) if message.HasField(name) else ABSENT


def of_series(value: metrics_service_pb2.SeriesValue) -> float | None:
    """Returns a point of a series, or None when it is absent."""
    match value.WhichOneof("value"):
        case "integer":
            return value.integer
        case "number":
            return value.number
        case _:
            return None


def sparkline(values: Sequence[float | None], width: int) -> str:
    """Returns a line of bars between 0 and the peak, one per point; absent points are dashes.

    Beyond `width` points each bar shows the greatest of several neighbours.
    """
    cells = [_peak(group) for group in _groups(values, width)]
    top = max((cell for cell in cells if cell is not None), default=0) or 1
    return "".join(ABSENT if cell is None else _BARS[max(0, min(7, round(cell / top * 7)))] for cell in cells)


def bar(value: float | None, top: float, width: int) -> str:
    """Returns a horizontal bar of up to `width` characters, to an eighth of a character."""
    if value is None or top <= 0 or value <= 0:
        return ""
    eighths = max(1, round(value / top * width * 8))
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def part(restriction: answer_pb2.Restriction) -> str:
    """Returns which part of the organization something is about."""
    return f"restricted to {restriction.dimension} {plain(', '.join(restriction.values))}"


def plain(text: str) -> str:
    """Returns a text from elsewhere fit for a terminal: control characters become question marks."""
    return "".join(character if character.isprintable() else "?" for character in text)


def zone(name: str) -> tzinfo:
    """Returns a time zone by name, or UTC where this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC


def instant(stamp: timestamp_pb2.Timestamp, where: tzinfo, form: str = "%Y-%m-%d %H:%M") -> str:
    """Returns an instant as the clock on the wall shows it."""
    return stamp.ToDatetime(tzinfo=UTC).astimezone(where).strftime(form)


def bucket(stamp: timestamp_pb2.Timestamp, where: tzinfo, granularity: time_pb2.Granularity.ValueType) -> str:
    """Returns the name of a bucket: its day, hour or month."""
    return instant(stamp, where, _DATE_FORMATS.get(granularity, "%Y-%m-%d"))


def _peak(group: Sequence[float | None]) -> float | None:
    """Returns the greatest of the values that are there."""
    return max((value for value in group if value is not None), default=None)


def _groups(values: Sequence[float | None], width: int) -> list[Sequence[float | None]]:
    """Returns the values in at most `width` groups of neighbours, in order."""
    groups = min(len(values), width)
    return [values[index * len(values) // groups : (index + 1) * len(values) // groups] for index in range(groups)]
