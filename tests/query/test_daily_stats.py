"""GetDailyStats on a small world of three days in a zone that is away from UTC by a quarter of an hour."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import tallywire
from server.app import Running
from server.projections.users import Users
from server.rollups import fold
from server.store.database import Database
from tallywire.v1 import event_pb2, metrics_service_pb2
from tests.support import commands, serving, worlds
from tests.support.serving import Caller, refused
from tests.support.tiny_worlds import Figure

ZONE = "Asia/Kathmandu"  # 5:45 ahead of UTC
FIRST = datetime(2024, 5, 14, tzinfo=ZoneInfo(ZONE))
MICROSECOND = timedelta(microseconds=1)


def at(day: float, event_type: str, user_id: str = "", **fields: Any) -> event_pb2.Event:
    """An event so many days after the first midnight."""
    return serving.event(event_type, at=FIRST + timedelta(days=day), user_id=user_id, **fields)


def sent(day: float, user_id: str = "", conversation_id: str = "", **detail: Any) -> event_pb2.Event:
    message = event_pb2.MessageDetail(**detail)
    return at(day, "message.sent", user_id, conversation_id=conversation_id, message=message)


WORLD = [
    at(-1.5, "message.received", "u1"),
    # Day 0: u1 comes back, u2 and u3 are new, u3 in the last microsecond of the day.
    sent(0, "u1", "c1", response_time_ms=100, prompt_tokens=5, completion_tokens=2, cost_micros=30),
    sent(0.5, "u2", "c1", response_time_ms=400, failed=True),
    serving.event("message.received", at=FIRST + timedelta(days=1) - MICROSECOND, user_id="u3"),
    # Day 1: nothing. Day 2: u2 and u4, which is new; a call.
    sent(2, "u2"),
    at(2.25, "call.ended", "u4", call=event_pb2.CallDetail(talk_ms=1000)),
    # After the period.
    at(3, "message.received", "u5"),
]


async def stats(caller: Caller, start: datetime, end: datetime) -> metrics_service_pb2.GetDailyStatsResponse:
    period = serving.period(start, end, ZONE)
    return await caller.ask("GetDailyStats", metrics_service_pb2.GetDailyStatsRequest(time_range=period))


def figures(day: metrics_service_pb2.DailyStats, *names: str) -> tuple[Figure, ...]:
    return tuple(getattr(day, name) if day.HasField(name) else None for name in names)


USERS = ("users_total", "unique_users", "new_users", "returning_users")
EVENTS = ("total_conversations", "total_messages", "messages_received", "messages_sent", "calls_handled")
QUALITY = ("failed_messages", "error_rate", "avg_response_time_ms", "token_usage", "cost_micros")


async def check_world(caller: Caller) -> None:
    # Any instants of the first and the last day ask for both days as a whole.
    answer = await stats(caller, FIRST + timedelta(hours=7), FIRST + timedelta(days=2, hours=1))
    assert [day.bucket.start.seconds for day in answer.days] == [
        worlds.seconds(FIRST + timedelta(days=number)) for number in range(3)
    ]
    assert answer.context.end.seconds == answer.total.bucket.end.seconds == answer.days[-1].bucket.end.seconds
    assert [figures(day, *USERS) for day in answer.days] == [(3, 3, 2, 1), (3, 0, 0, 0), (4, 2, 1, 1)]
    assert [figures(day, *EVENTS) for day in answer.days] == [(1, 3, 1, 2, 0), (0, 0, 0, 0, 0), (0, 1, 0, 1, 1)]
    assert [figures(day, *QUALITY) for day in answer.days] == [
        (1, 0.5, 250, 7, 30),
        (0, None, None, 0, 0),
        (0, 0, None, 0, 0),
    ]
    # Four users: u1 had been seen before the first day, u2 on two of the days.
    assert figures(answer.total, *USERS) == (4, 4, 3, 1)
    assert figures(answer.total, *EVENTS) == (1, 4, 1, 3, 1)
    assert figures(answer.total, *QUALITY) == (1, 1 / 3, 250, 7, 30)
    assert not any(day.running or day.before_first_event for day in (*answer.days, answer.total))


async def test_days_of_a_small_world(caller: Caller, database: Database) -> None:
    await worlds.keep_every_width(database, caller.organization_id)
    await caller.track_all(WORLD)
    await check_world(caller)  # from deltas
    await fold.fold_all(database, caller.organization_id)
    await check_world(caller)

    earlier = await stats(caller, FIRST - timedelta(days=3), FIRST)
    assert [day.before_first_event for day in earlier.days] == [True, False, False]
    assert [day.users_total for day in earlier.days] == [0, 1, 1]
    assert not earlier.total.before_first_event

    # The projection of users has the same first days, to the microsecond.
    await worlds.project(database, caller.organization_id)
    counted = await stats(caller, FIRST - timedelta(days=2), FIRST + timedelta(days=3))
    for day in counted.days:
        known = await worlds.value(
            database,
            "SELECT count(*) FROM users WHERE organization_id = $1 AND first_seen_at < $2 AND version ="
            " (SELECT version FROM projections WHERE organization_id = $1 AND name = $3)",
            caller.organization_id,
            day.bucket.end.ToDatetime(tzinfo=ZoneInfo("UTC")),
            Users.name,
        )
        assert day.users_total == known


async def test_a_day_that_is_running_is_marked(caller: Caller) -> None:
    now = serving.now()
    await caller.track(serving.event("message.received", at=now, user_id="u1"))
    answer = await stats(caller, now - timedelta(days=3), now)
    assert [day.running for day in answer.days] == [False, False, False, True]
    assert [day.before_first_event for day in answer.days] == [True, True, True, False]
    assert answer.total.running
    assert answer.context.still_running
    assert figures(answer.days[-1], *USERS) == (1, 1, 1, 0)


async def test_there_are_at_most_400_days(caller: Caller) -> None:
    until = FIRST + timedelta(days=400)
    assert len((await stats(caller, FIRST, until)).days) == 400
    error = await refused(stats(caller, FIRST - MICROSECOND, until - timedelta(hours=1)))
    assert serving.refusal(error) == ("INVALID_ARGUMENT", "TIME_RANGE_TOO_LARGE", "time_range", False)


async def test_clients_ask_for_days(caller: Caller, server: Running) -> None:
    await caller.track_all(WORLD)
    period = ("--from", "2024-05-12", "--to", "2024-05-17", "--zone", ZONE)
    lines = (await commands.shown(server.address, caller, "daily", *period)).splitlines()
    rows = {line.split()[0]: line.split()[1:] for line in lines if line.startswith(("2024-", "All"))}
    assert rows["2024-05-14"] == ["3", "3", "2", "1", "3", "0", "1", "250", "ms", "0.0000"]
    assert rows["2024-05-12"] == ["1", "1", "1", "0", "1", "0", "0", "–", "0.00"]
    async with tallywire.AsyncClient(server.address, api_key=caller.key.secret) as client:
        answer = await client.daily_stats(FIRST - timedelta(days=2), FIRST + timedelta(days=3), time_zone=ZONE)
    sheet = await commands.csv(server.address, caller, "daily", *period)
    assert [(day["state"], day["new_users"], day["error_rate"]) for day in sheet] == [
        ("whole", "1", ""),
        ("whole", "0", ""),
        ("whole", "2", "0.5"),
        ("whole", "0", ""),
        ("whole", "1", "0.0"),
    ]
    document = await commands.document(server.address, caller, "daily", *period)
    assert [day["users_total"] for day in document["days"]] == [day.users_total for day in answer.days]
