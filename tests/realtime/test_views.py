"""Views count what the windows hold, whatever comes when, and what they cost does not depend on how much that is."""

import random
import time
from datetime import UTC, datetime, timedelta

import pytest

from agentmetrics.v1 import realtime_service_pb2
from server import cells, timerange
from server.cells import CellKey, Dimension
from server.events import Event, conversation_key_of
from server.realtime import FIVE_MINUTES, HOUR, MINUTE, Part, Today, Totals, View, day_of
from server.recent import Batch
from server.rpc import realtime_conversion
from server.store.updates import Standing, Update

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
START = int(NOW.timestamp())


def message(
    second: int, *, conversation: str = "", response_time: int | None = None, kind: str = "message.sent"
) -> Event:
    detail = {} if response_time is None else {"response_time_ms": response_time}
    key = random.randbytes(16)
    return Event("", key, 0, kind, second * 1_000_000, "ann", "", conversation, "web", "", "", "", "", detail, "", ())


def view() -> View:
    today = Today(span=day_of(NOW, "UTC"), totals=Totals(messages=0, conversations=0, tokens=0))
    return View(Part(), today, 0, NOW)


@pytest.mark.parametrize("seed", range(5))
def test_windows_hold_what_a_count_from_the_start_finds(seed: int) -> None:
    chance = random.Random(seed)
    shown, taken, at = view(), [], START
    closed: set[str] = set()
    for revision in range(1, 300):
        at += chance.choice((0, 0, 1, 1, 2, 30, 200, 4000 if chance.random() < 0.1 else 1))
        fresh = [
            message(
                at + chance.choice((0, -1, -20, -200, -3000, -3599, -3600, -3700, 5, 90)),
                conversation=f"c{chance.randrange(30)}",
                response_time=chance.choice((None, 10, 500)),
            )
            for _ in range(chance.randrange(4))
        ]
        taken += fresh
        shown.apply(revision, fresh)
        if fresh and chance.random() < 0.2:
            closed.add(fresh[0].conversation_id)
        standings = {
            conversation_key_of(one.conversation_id): Standing(
                messages=1, outcome=1 if one.conversation_id in closed else None
            )
            for one in fresh
        }
        shown.stand(standings)
        state = shown.state(NOW + timedelta(seconds=at - START))
        seconds = [(one, one.occurred_at // 1_000_000) for one in taken]
        inside = {
            width: [one for one, second in seconds if at - width < second <= at]
            for width in (HOUR, FIVE_MINUTES, MINUTE)
        }
        assert state.figures["messages_last_minute"] == len(inside[MINUTE])
        assert state.figures["messages_last_hour"] == len(inside[HOUR])
        times = [one.detail["response_time_ms"] for one in inside[FIVE_MINUTES] if one.detail]
        mean = state.figures["avg_response_time_ms"]
        assert mean == (pytest.approx(sum(times) / len(times)) if times else None)
        active = {one.conversation_id for one, second in seconds if second > at - HOUR}
        assert state.figures["active_conversations"] == len(active - closed)
        by_minute = {minute.start: minute.messages for minute in state.minutes}
        for start, count in by_minute.items():
            assert count == sum(start <= second < start + 60 and second <= at for _, second in seconds)


def test_a_state_costs_what_has_changed_and_not_what_the_windows_hold() -> None:
    def seconds(shown: View) -> float:
        begun = time.perf_counter()
        for number in range(1, 101):
            shown.apply(number, [message(START + number, conversation="c0", response_time=20)])
            shown.stand({})
            shown.state(NOW + timedelta(seconds=number))
        return time.perf_counter() - begun

    small, large = view(), view()
    large.remember(
        message(START - number % 3600, conversation=f"c{number}", response_time=number % 40) for number in range(40_000)
    )
    large.state(NOW)
    assert seconds(large) < 10 * seconds(small)


def test_the_feed_is_the_twenty_conversations_with_the_latest_activity() -> None:
    shown, order = view(), random.Random(3).sample(range(500), 500)
    for revision, number in enumerate(order, 1):
        shown.apply(revision, [message(START - number, conversation=f"c{number}")])
        key = conversation_key_of(f"c{number}")
        shown.stand({key: Standing(messages=number, outcome=1 if number % 2 else None)})
    feed = shown.state(NOW).conversations
    assert [one.conversation_id for one in feed] == [f"c{number}" for number in range(20)]
    assert [one.messages for one in feed] == list(range(20))
    assert [one.outcome for one in feed] == [None, 1] * 10
    assert [one.last_activity for one in feed] == [(START - number) * 1_000_000 for number in range(20)]
    assert {(one.agent_id, one.channel) for one in feed} == {("ann", "web")}


def test_an_update_of_any_size_comes_in_messages_that_every_client_takes() -> None:
    count = cells.count_key(1)
    changes = {CellKey(Dimension.AGENT, f"{number:0256}", 1_000_000): {count: 1} for number in range(30_000)}
    events = [
        message(START)._replace(event_id=str(number), properties='{"text": "' + "x" * 8000 + '"}')
        for number in range(500)
    ]
    at = timerange.EPOCH
    batch = Batch(update=Update(revision=7, at=at, changes=changes), events=events, whole=True)
    steps = list(realtime_conversion.update(batch, Part(), True))
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
