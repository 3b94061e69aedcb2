"""Presence: a status holds until the next one, and ends by itself once nothing was heard of the agent for too long."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from server import timerange
from server.query.presence import AVAILABLE, BUSY, Presence, presence
from server.store.statuses import StatusChange

AWAY = 3
START = datetime(2024, 5, 15, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TIMEOUT = timedelta(hours=12)


def at(minute: float) -> datetime:
    return START + minute * MINUTE


def silences(heard: Sequence[datetime], timeout: timedelta) -> list[int]:
    """The quarter hours of events that a silence follows."""
    quarters = sorted({timerange.floor_bucket(one) for one in heard})
    silence = timeout // timerange.QUARTER
    return [
        one
        for one, following in zip(quarters, [*quarters[1:], None], strict=True)
        if following is None or following - one > silence
    ]


def of(
    changes: Sequence[tuple[float, int]], heard: Sequence[float] = (), *, hours: int = 24, timeout: timedelta = TIMEOUT
) -> Presence:
    """The presence in the hours after START, of changes and other events at minutes after it."""
    told = [StatusChange(occurred_at=at(minute), status=status) for minute, status in changes]
    everything = [*(one.occurred_at for one in told), *map(at, heard)]
    return presence(told, silences(everything, timeout), START, START + timedelta(hours=hours), timeout)


def milliseconds(minutes: float) -> int:
    return int(minutes * 60_000)


def test_a_status_ends_by_itself_once_nothing_was_heard_for_the_timeout() -> None:
    assert of([(3, AVAILABLE)]).available_time_ms == milliseconds(12 * 60)
    assert of([(3, AVAILABLE)], timeout=timedelta(hours=1)).available_time_ms == milliseconds(60)
    assert of([(3, AVAILABLE), (30 * 60, AWAY)], hours=48).available_time_ms == milliseconds(12 * 60)


def test_whatever_the_agent_does_lets_its_status_hold_on() -> None:
    assert of([(3, AVAILABLE)], [60, 11 * 60]).available_time_ms == milliseconds(23 * 60 - 3)
    assert of([(0, AVAILABLE)], [11 * 60 + 14]).available_time_ms == milliseconds(23 * 60), "from the quarter hour on"


def test_what_is_heard_after_a_silence_brings_no_status_back() -> None:
    assert of([(0, BUSY)], [13 * 60, 14 * 60, 30 * 60], hours=48).occupancy == 1
    assert of([(0, AVAILABLE)], [13 * 60, 14 * 60, 30 * 60], hours=48).available_time_ms == milliseconds(12 * 60)


def test_a_status_from_before_the_period_may_have_ended_before_it() -> None:
    assert of([(-13 * 60, BUSY)]) == Presence(available_time_ms=0, occupancy=None)
    assert of([(-13 * 60, BUSY)], [-60]).occupancy == 1


def test_without_time_at_work_there_is_no_occupancy() -> None:
    assert of([(0, AWAY)]) == Presence(available_time_ms=0, occupancy=None)
    assert of([(0, AVAILABLE)]).occupancy == 0


CHANGES = st.lists(
    st.tuples(st.integers(-2_000, 2_000), st.sampled_from((AVAILABLE, BUSY, AWAY))),
    min_size=1,
    max_size=6,
    unique_by=lambda one: one[0],
).map(sorted)


@given(CHANGES, st.lists(st.integers(-2_000, 2_000), max_size=6))
def test_more_events_and_a_longer_timeout_never_shorten_presence(
    changes: list[tuple[float, int]], heard: list[float]
) -> None:
    def time(found: Presence) -> int:
        assert found.available_time_ms is not None
        return found.available_time_ms

    alone, with_events = of(changes), of(changes, heard)
    assert time(alone) <= time(with_events) <= time(of(changes, heard, timeout=10 * TIMEOUT))
    assert time(with_events) <= 24 * 3600_000
