"""The days that are written down for SQL are those that questions cut periods at."""

import itertools
from datetime import date, timedelta

import pytest

from server import timerange
from server.store import calendars

FIRST, LAST = date(2007, 1, 1), date(2019, 12, 31)


@pytest.mark.parametrize(
    ("name", "skipped"),
    [
        ("UTC", 0),
        ("Asia/Kathmandu", 0),
        ("Australia/Lord_Howe", 0),
        ("America/New_York", 0),
        ("America/St_Johns", 0),  # until 2011 clocks changed a minute past midnight
        ("America/Sao_Paulo", 0),  # midnight was skipped
        ("Africa/Casablanca", 0),
        ("Pacific/Apia", 1),  # a whole day was
        ("Asia/Gaza", 0),
    ],
)
def test_days_are_those_of_questions(name: str, skipped: int) -> None:
    zone = timerange.zone(name)
    days = list(calendars.days(zone, FIRST, LAST))
    assert len(days) == (LAST - FIRST).days + 1 - skipped
    for before, after in itertools.pairwise(days):
        assert before.end == after.first
    for one in days:
        assert one.first == timerange.floor_bucket(timerange.midnight(one.day, zone))
        assert one.end == timerange.floor_bucket(timerange.midnight(one.day + timedelta(days=1), zone))
        changed = one.end if one.change is None else one.change
        for bucket, ahead in ((one.first, one.ahead), (changed - 1, one.ahead), (one.end - 1, one.ahead_after)):
            offset = timerange.instant(bucket).astimezone(zone).utcoffset()
            assert offset is not None
            assert offset // timerange.QUARTER == (one.ahead if ahead is None else ahead), one
