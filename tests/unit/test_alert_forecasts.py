"""What conditions on forecasts expect: by the clock on the wall, and within the bounds that a figure has kept."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from server.alerts import ahead

_HOUR = timedelta(hours=1)
_BERLIN = ZoneInfo("Europe/Berlin")
_END = datetime(2026, 4, 7, tzinfo=UTC)  # nine days after clocks went forward


def _by_the_clock(ends: list[datetime]) -> list[float | None]:
    """A figure of 100 from 9 to 17 o'clock of Berlin, and of 10 else."""
    return [100.0 if 9 <= one.astimezone(_BERLIN).hour < 17 else 10.0 for one in ends]


def test_hours_are_those_of_the_wall_on_both_sides_of_a_clock_change() -> None:
    ends = [_END - place * _HOUR for place in range(28 * 24, 0, -1)]
    later = [_END + place * _HOUR for place in range(24)]
    found = ahead.expected(_by_the_clock(ends), ends, later, zone=_BERLIN, is_hourly=True, is_fraction=False)
    assert found.points == pytest.approx(_by_the_clock(later), abs=1.0)


@pytest.mark.parametrize(("value", "is_fraction"), [(-50.0, False), (1.5, True), (0.25, True), (7.0, False)])
def test_what_has_been_beyond_usual_bounds_may_be_so_again(value: float, is_fraction: bool) -> None:
    ends = [_END - place * _HOUR for place in range(28 * 24, 0, -1)]
    later = [_END, _END + _HOUR]
    found = ahead.expected([value] * len(ends), ends, later, zone=_BERLIN, is_hourly=True, is_fraction=is_fraction)
    assert found.points == pytest.approx([value, value])
