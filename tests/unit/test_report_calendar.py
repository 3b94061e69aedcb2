"""Days of reports and times of schedules that the web pages show before anything runs: those of the service."""

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from server import timerange
from server.errors import Refused
from server.reports import calendar_words, periods
from server.tasks import cron

FIXTURE: Final = Path(__file__).parents[2] / "clients" / "web" / "test" / "report_calendar.json"
ZONES: Final = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/Santiago")
INSTANTS: Final = ("2026-11-30T12:00:00+00:00", "2028-02-29T03:30:00+00:00", "2026-03-29T00:30:00+00:00")
COMPARISONS: Final = (*periods.COMPARISONS, "2025-01-01..2025-01-31")
RANGES: Final = (*periods.NAMES, "2026-11-01..2026-11-28", "2028-02-29..2028-02-29")
SCHEDULES: Final = (
    "daily at 07:00",
    "every day at 2:30",
    "weekdays at 07:00",
    "weekends at 09:15",
    "Mondays at  07:00",
    "every friday at 23:59",
    "mondays, wednesdays and thursdays at 02:30",
    "monthly on day 28 at 00:00",
    "quarterly on day 1 at 07:00",
    "yearly on day 1 at 07:00",
    "hourly at :05",
    "30 2 * * *",
    "*/30 1-3 * * *",
    "0 7 13 * 5",
    "0 7 29 2 *",
    "15 0 * jan,jul mon-fri",
    "0 0/6 * * 7",
    "5,35 * 1 */3 *",
)
NO_SCHEDULES: Final = (
    "sometimes",
    "monthly on day 31 at 07:00",
    "daily at 25:00",
    "* * * * *",
    "0,2 7 * * *",
    "0 7 31 2 *",
    "0 7 * *",
    "0 7 * * 8",
    "1-0 7 * * *",
    "0 7 * * mon-",
    "0/0 7 * * *",
)
CHANGES: Final = ("2026-03-28T12:00:00+00:00", "2026-10-24T12:00:00+00:00", "2026-04-04T00:00:00+00:00")


def _millis(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _periods() -> Iterator[list[Any]]:
    names = itertools.product(RANGES, COMPARISONS)
    for place, (name, comparison) in enumerate(names):
        zone, at = ZONES[place % len(ZONES)], INSTANTS[place % len(INSTANTS)]
        week_start = place % 7
        found = periods.asked(name, comparison, timerange.zone(zone), datetime.fromisoformat(at), week_start)
        earlier = None if found.earlier is None else [_millis(found.earlier.start), _millis(found.earlier.end)]
        bounds = [_millis(found.bounds.start), _millis(found.bounds.end)]
        yield [name, comparison, zone, at, week_start + 1, *bounds, earlier]


def _schedules() -> Iterator[list[Any]]:
    for said, zone, after in itertools.product(SCHEDULES, ZONES, CHANGES):
        expression = calendar_words.expression(said, "when")
        times = cron.parse(expression).times(datetime.fromisoformat(after).astimezone(UTC), timerange.zone(zone))
        yield [said, zone, after, expression, [_millis(one) for one in itertools.islice(times, 5)]]


def _refused(said: str) -> bool:
    try:
        calendar_words.expression(said, "when")
    except Refused:
        return True
    return False


def _made() -> dict[str, Any]:
    return {
        "periods": list(_periods()),
        "schedules": list(_schedules()),
        "no_schedules": [said for said in NO_SCHEDULES if _refused(said)],
    }


def test_the_pages_are_held_to_the_days_and_times_of_the_service() -> None:
    assert all(map(_refused, NO_SCHEDULES))
    assert json.loads(FIXTURE.read_text()) == _made(), f"make it anew: python {Path(__file__).name}"


if __name__ == "__main__":
    parts = []
    for name, rows in _made().items():
        lines = ",\n".join(json.dumps(one, separators=(",", ":")) for one in rows)
        parts.append(f'"{name}": [\n{lines}\n]')
    FIXTURE.write_text("{\n" + ",\n".join(parts) + "\n}\n")
