"""Heat maps of the 168 hours of the week, in text."""

from collections.abc import Mapping, Sequence
from typing import Final

from rich.console import Console

from tallywire.cli import formatting
from tallywire.v1 import time_pb2

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_HOURS: Final = 24
_SHADES: Final = "▁▂▃▄▅▆▇█"
_NONE: Final = "·"
_TOTAL: Final = 6  # characters of a count behind a day

# A count by weekday, 1 for Monday, and hour.
Hours = Mapping[tuple[int, int], int]


def show(console: Console, maps: Sequence[tuple[str, Hours]], week_start: time_pb2.Weekday.ValueType) -> None:
    """Prints maps beside each other: a line for each day from that on which weeks begin, a bar for each hour, and the
    count of the day.

    All bars of a map are drawn by its greatest hour, which stands beside its name. An hour without any is a point.
    Maps that do not fit the width are left out, and one of nothing but zeros is not drawn.
    """
    drawn = [(name, hours) for name, hours in maps if any(hours.values())]
    drawn = drawn[: max(1, (console.width - 3) // (_HOURS + _TOTAL + 4))]
    if not drawn:
        return
    heads, clocks = ["   "], ["   "]
    for name, hours in drawn:
        head = f"{name} (█ = {formatting.short(max(hours.values()))})"
        heads.append(head.ljust(_HOURS + _TOTAL + 2))
        clocks.append("0     6     12    18".ljust(_HOURS + _TOTAL + 2))
    console.print("\nBy hour of the week", style="bold", highlight=False)
    for line in ("  ".join(heads), "  ".join(clocks)):
        console.print(line.rstrip(), highlight=False)
    for place in range(len(_DAYS)):
        weekday = (max(1, week_start) - 1 + place) % len(_DAYS) + 1
        cells = [_DAYS[weekday - 1]]
        for _, hours in drawn:
            counts = [hours.get((weekday, hour), 0) for hour in range(_HOURS)]
            bars = "".join(_shade(count, max(hours.values())) for count in counts)
            cells.append(f"{bars}  {formatting.short(sum(counts)):>{_TOTAL}}")
        console.print("  ".join(cells), highlight=False)


def _shade(count: int, top: int) -> str:
    """Returns the bar of a count: the least one for any that is not 0."""
    return _SHADES[max(0, round(count / top * len(_SHADES)) - 1)] if count > 0 else _NONE
