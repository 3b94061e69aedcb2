"""Views show what the slots of their windows hold, whatever comes when, and know only slots."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from server import timerange
from server.catalog import cells, counting, dimensions, slots
from server.catalog.cells import CellKey
from server.catalog.slots import Counts, Slot
from server.events.event import Event
from server.realtime.update_cache import Batch
from server.realtime.view import Facts, Today, View, ViewFilter, day_of
from server.rpc import realtime_conversion
from server.store.updates import Update
from tallywire.v1 import realtime_service_pb2

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
START = int(NOW.timestamp())
NOBODY = counting.Numbers(users={}, agents={"ann": 1})


def message(second: int, *, response_time: int | None = None) -> Event:
    detail = {} if response_time is None else {"response_time_ms": response_time}
    key = random.randbytes(16)
    return Event("", key, 0, "message.sent", second * 1_000_000, "ann", "", "", "web", "", "", "", "", detail, "", ())


def slotted(events: list[Event], now: int) -> dict[Slot, Counts]:
    """What ingest would tell apart of events at an instant, in seconds since 1970."""
    found: dict[Slot, Counts] = {}
    for key, cell in counting.of_events(events, NOBODY, slots.recency(now * 1_000_000)).items():
        if key.dimension == dimensions.TOTAL.number and key.slot != slots.WHOLE:
            found.setdefault(slots.slot_of(key.bucket, key.slot), Counts()).add(slots.counts_of(cell))
    return found


def view(found: dict[Slot, Counts], open_by_minute: dict[int, int] | None = None) -> View:
    today = Today(span=day_of(NOW, "UTC"), figures={"messages_today": 0, "conversations_today": 0, "tokens_today": 0})
    facts = Facts(messages=found, today=today, open_by_minute=open_by_minute or {}, conversations=())
    return View(ViewFilter(), facts, 0, NOW)


@pytest.mark.parametrize("seed", range(5))
def test_windows_hold_what_a_count_from_the_start_finds(seed: int) -> None:
    """Of events in the order in which they come, some of them late and some ahead of time."""
    chance = random.Random(seed)
    found: dict[Slot, Counts] = {}
    taken, at = [], START
    shown = view(found)
    for _ in range(200):
        at += chance.choice((0, 0, 1, 1, 2, 30, 200, 4000 if chance.random() < 0.1 else 1))
        ages = (0, 1, 20, 200, 290, 301, 3000, 3599, 3600, 3700, 90_000, -5, -90)
        fresh = [
            message(at - chance.choice(ages), response_time=chance.choice((None, 10, 500)))
            for _ in range(chance.randrange(4))
        ]
        taken += fresh
        for slot, counts in slotted(fresh, at).items():
            found.setdefault(slot, Counts()).add(counts)
        if fresh:
            shown = view(found)  # else its windows slide
        state = shown.state(NOW + timedelta(seconds=at - START))
        seconds = [(one, one.occurred_at // 1_000_000) for one in taken]
        fine = [(one, at // 5 - second // 5) for one, second in seconds]
        assert state.figures["messages_last_minute"] == sum(0 <= age < 12 for _, age in fine)
        ours = [
            one
            for (one, age), (_, second) in zip(fine, seconds, strict=True)
            if age >= 0 and second // 60 > at // 60 - 60
        ]
        assert state.figures["messages_last_hour"] == len(ours)
        times = [one.detail["response_time_ms"] for one, age in fine if 0 <= age < 60 and one.detail]
        mean = state.figures["avg_response_time_ms"]
        assert mean == (pytest.approx(sum(times) / len(times)) if times else None)
        for minute in state.minutes:
            assert minute.messages == sum(one.occurred_at // 60_000_000 * 60 == minute.start for one in ours)
        assert [minute.start for minute in state.minutes] == [(at // 60 - ago) * 60 for ago in range(59, -1, -1)]


def test_a_view_slides_as_one_that_is_made_later() -> None:
    chance = random.Random(1)
    events = [message(START - chance.randrange(-300, 3600), response_time=chance.randrange(900)) for _ in range(3000)]
    found = slotted(events, START)
    sliding = view(found, {(START // 60) - ago: ago for ago in range(60)})
    for seconds in (0, 4, 5, 61, 299, 300, 301, 1800, 3599, 3600, 4000):
        now = NOW + timedelta(seconds=seconds)
        fresh = view(found, {(START // 60) - ago: ago for ago in range(60)})
        assert sliding.state(now) == fresh.state(now)
    assert sliding.state(NOW) == sliding.state(now), "and never back"
    assert sliding.state(now).figures["active_conversations"] == 0


def test_conversations_are_active_for_an_hour_after_their_latest_minute() -> None:
    shown = view({}, {START // 60: 1, START // 60 - 59: 10, START // 60 - 60: 100})
    assert shown.state(NOW).figures["active_conversations"] == 11
    assert shown.state(NOW + timedelta(minutes=1)).figures["active_conversations"] == 1


def test_a_part_without_cells_of_its_own_shows_no_windows() -> None:
    today = Today(span=day_of(NOW, "UTC"), figures={})
    facts = Facts(messages=None, today=today, open_by_minute={START // 60: 3}, conversations=())
    state = View(ViewFilter.of(dimensions.CHANNEL, "c"), facts, 0, NOW).state(NOW)
    assert {name: value for name, value in state.figures.items() if value is not None} == {"active_conversations": 3}
    assert not state.minutes


def test_an_update_of_any_size_comes_in_messages_that_every_client_takes() -> None:
    count = cells.count_key(1)
    changes = {CellKey(dimensions.AGENT.number, f"{number:0256}", 1_000_000): {count: 1} for number in range(30_000)}
    events = [
        message(START)._replace(event_id=str(number), properties='{"text": "' + "x" * 8000 + '"}')
        for number in range(500)
    ]
    at = timerange.EPOCH
    batch = Batch(update=Update(revision=7, at=at, changes=changes), events=events, whole=True)
    steps = list(realtime_conversion.update(batch, ViewFilter(), True))
    assert steps.count(b"") >= (len(changes) + len(events)) / 16  # where others are let go first
    encoded = [one for one in steps if one]
    assert len(encoded) > 3
    assert max(map(len, encoded)) < 2.1 * 1024 * 1024
    last = realtime_conversion.resumable(encoded[-1], "t")
    messages = [realtime_service_pb2.WatchUpdatesResponse.FromString(one) for one in (*encoded[:-1], last)]
    assert [one.more for one in messages] == [True] * (len(messages) - 1) + [False]
    assert [one.resume_token for one in messages] == [""] * (len(messages) - 1) + ["t"]
    assert {one.revision for one in messages} == {7}
    assert [change.value for one in messages for change in one.changes] == [key.value for key in changes]
    assert [sent.event_id for one in messages for sent in one.events] == [one.event_id for one in events]
