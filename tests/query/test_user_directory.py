"""Users one by one: lists in any order, each with its figures, and how many come back, as events alone say."""

import asyncio
import gzip
import itertools
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from server.app import Running
from server.events.event import Event
from server.organizations.settings import OrganizationSettings
from server.store import user_lists
from server.store.database import Database
from server.tenancy.principal import Scope
from tallywire import AsyncClient, Client
from tallywire.v1 import directory_service_pb2_grpc, event_pb2, metrics_service_pb2, time_pb2, user_pb2
from tests.projections import test_users
from tests.query import real_data
from tests.support import commands, serving, worlds
from tests.support.serving import Accounts, Caller, refused

SCOPES = (Scope.INGEST, Scope.READ, Scope.EVENTS, Scope.BACKFILL)
WITH_NAMES = OrganizationSettings(time_zone="UTC", keep_user_details=True)
NOON = datetime(2024, 5, 15, 12, tzinfo=UTC)
ASCENDING, DESCENDING = metrics_service_pb2.SORT_DIRECTION_ASCENDING, metrics_service_pb2.SORT_DIRECTION_DESCENDING
MICROSECOND = timedelta(microseconds=1)


async def ask(caller: Caller, rpc: str, request: Any) -> Any:
    stub = directory_service_pb2_grpc.DirectoryServiceStub(caller.channel)
    return await getattr(stub, rpc)(request, metadata=caller.metadata, timeout=30)


async def listed(caller: Caller, **fields: Any) -> user_pb2.ListUsersResponse:
    answer: user_pb2.ListUsersResponse = await ask(caller, "ListUsers", user_pb2.ListUsersRequest(**fields))
    return answer


async def one(caller: Caller, user_id: str, **fields: Any) -> user_pb2.GetUserResponse:
    request = user_pb2.GetUserRequest(user_id=user_id, **fields)
    answer: user_pb2.GetUserResponse = await ask(caller, "GetUser", request)
    return answer


async def in_pages(caller: Caller, size: int, **fields: Any) -> list[user_pb2.User]:
    """All users of a list, page by page."""
    found, token = list[user_pb2.User](), ""
    while True:
        page = await listed(caller, page_size=size, page_token=token, **fields)
        assert len(page.users) <= size
        found += page.users
        token = page.next_page_token
        if not token:
            return found


@dataclass(frozen=True, kw_only=True)
class Expected:
    """A user as events say, over a period or ever."""

    user_id: str
    first: datetime
    last: datetime
    counts: dict[str, int]

    @property
    def rating(self) -> float | None:
        return self.counts["rating_sum"] / self.counts["ratings"] if self.counts["ratings"] else None


def expected(some: Sequence[Event], start: datetime | None = None, end: datetime | None = None) -> list[Expected]:
    """The users with an event within bounds, and what they did there, looked at all at once."""
    told = [event for event in some if event.user_id]
    began = Counter[str]()
    for conversation in {event.conversation_id for event in told} - {""}:
        mine = [event for event in told if event.conversation_id == conversation]
        starts = [event for event in mine if event.event_type == "conversation.started"]
        first = min(starts or mine, key=lambda event: (event.occurred_at, event.user_id))
        began[first.user_id] += is_within(first, start, end)
    return [
        _expected(told, user, began[user], start, end)
        for user in sorted({event.user_id for event in told if is_within(event, start, end)})
    ]


def is_within(event: Event, start: datetime | None, end: datetime | None) -> bool:
    return start is None or end is None or start <= test_users.at(event) < end


def _expected(told: Sequence[Event], user: str, began: int, start: datetime | None, end: datetime | None) -> Expected:
    mine = [event for event in told if event.user_id == user]
    times = [test_users.at(event) for event in mine]
    inside = [event for event in mine if is_within(event, start, end)]
    days = test_users.recomputed([event._replace(conversation_id="") for event in inside]).days.values()
    counts = {name: sum(int(day[name]) for day in days) for name in test_users.COUNTS}
    return Expected(
        user_id=user,
        first=min(times),
        last=max(times),
        counts={
            **counts,
            "conversations": began,
            "active_days": len({test_users.at(event).date() for event in inside}),
            "messages": counts["messages_received"] + counts["messages_sent"],
            "token_usage": counts["prompt_tokens"] + counts["completion_tokens"],
        },
    )


ORDERS: dict[int, Callable[[Expected], Any]] = {
    user_pb2.USER_ORDER_LAST_SEEN: lambda user: user.last,
    user_pb2.USER_ORDER_FIRST_SEEN: lambda user: user.first,
    user_pb2.USER_ORDER_USER_ID: lambda user: user.user_id,
    user_pb2.USER_ORDER_NAME: lambda user: None,
    user_pb2.USER_ORDER_RATING_COUNT: lambda user: user.counts["ratings"],
    user_pb2.USER_ORDER_SATISFACTION_SCORE: lambda user: user.rating,
    **{
        user_pb2.UserOrder.Value(f"USER_ORDER_{name.upper()}"): lambda user, name=name: user.counts[name]
        for name in (
            *("events", "messages", "messages_received", "messages_sent", "conversations", "token_usage"),
            *("cost_micros", "active_days"),
        )
    },
}


def in_order(users: Sequence[Expected], order: int, *, descending: bool) -> list[Expected]:
    key = ORDERS[order]
    known = sorted((user for user in users if key(user) is not None), key=lambda user: user.user_id)
    known.sort(key=key, reverse=descending)  # stable: those that are equal stay by user_id
    return known + sorted((user for user in users if key(user) is None), key=lambda user: user.user_id)


def hold(found: Sequence[user_pb2.User], users: Sequence[Expected]) -> None:
    """Users must be as expected, in their order."""
    assert [user.user_id for user in found] == [user.user_id for user in users]
    for user, wanted in zip(found, users, strict=True):
        figures, counts = user.figures, wanted.counts
        assert (user.first_seen_at, user.last_seen_at) == (serving.stamp(wanted.first), serving.stamp(wanted.last))
        assert {name: getattr(figures, name) for name in counts if hasattr(figures, name)} == {
            name: amount for name, amount in counts.items() if hasattr(figures, name)
        }
        assert figures.rating_count == counts["ratings"]
        assert figures.HasField("satisfaction_score") == (wanted.rating is not None)
        assert figures.satisfaction_score == pytest.approx(wanted.rating or 0)


@pytest.mark.parametrize("seed", range(2))
async def test_users_are_what_their_events_say_in_every_order(
    accounts: Accounts, database: Database, seed: int
) -> None:
    caller, dice = await accounts.caller(scopes=SCOPES), random.Random(seed)
    some = test_users.events(seed, 250)
    await worlds.store(database, caller.organization_id, some)
    times = sorted(map(test_users.at, some))
    bounds = [(times[40] + 7 * MICROSECOND, times[200] - timedelta(minutes=3)), (times[100], times[130] + MICROSECOND)]
    for start, end in [(None, None), *bounds]:
        users = expected(some, start, end)
        period = {} if start is None or end is None else {"time_range": serving.period(start, end)}
        for order, descending in itertools.product(ORDERS, (False, True)):
            direction = DESCENDING if descending else ASCENDING
            size = dice.choice((3, 7, 100))
            found = await in_pages(caller, size, order_by=order, direction=direction, **period)
            hold(found, in_order(users, order, descending=descending))
        by_prefix = await in_pages(caller, 2, prefix="user-1", **period)
        hold(by_prefix, in_order([user for user in users if user.user_id.startswith("user-1")], 1, descending=True))
        if start is None:
            continue
        for seen, chosen in (
            (user_pb2.USER_SEEN_NEW, [user for user in users if user.first >= start]),
            (user_pb2.USER_SEEN_RETURNING, [user for user in users if user.first < start]),
            (user_pb2.USER_SEEN_ACTIVE, users),
        ):
            found = await in_pages(caller, 5, seen=seen, order_by=user_pb2.USER_ORDER_EVENTS, **period)
            hold(found, in_order(chosen, user_pb2.USER_ORDER_EVENTS, descending=True))
    for wanted in dice.sample(expected(some), 5):
        hold([(await one(caller, wanted.user_id)).user], [wanted])


def periods_from(day: date, width: int) -> Iterator[date]:
    return (day + timedelta(days=width * number) for number in itertools.count())


async def test_cohorts_come_back_as_events_say(accounts: Accounts, database: Database) -> None:
    caller, dice = await accounts.caller(scopes=SCOPES), random.Random(4)
    some = [
        event._replace(
            occurred_at=event.occurred_at - dice.randrange(60) * 86_400_000_000, user_id=f"u{dice.randrange(50)}"
        )
        for event in test_users.events(4, 300)
    ]
    await worlds.store(database, caller.organization_id, some)
    days: dict[str, set[date]] = {}
    for event in some:
        days.setdefault(event.user_id, set()).add(test_users.at(event).date())
    today = datetime.now(UTC).date()
    first = min(map(min, days.values()))
    for granularity, width, monday in ((time_pb2.GRANULARITY_WEEK, 7, True), (time_pb2.GRANULARITY_DAY, 1, False)):
        request = user_pb2.GetUserRetentionRequest(
            time_range=serving.period(
                datetime.combine(first, datetime.min.time(), UTC) + timedelta(hours=5), datetime.now(UTC)
            ),
            granularity=granularity,
            periods=5,
        )
        answer = await ask(caller, "GetUserRetention", request)
        start = first - timedelta(days=first.weekday()) if monday else first
        starts = list(itertools.takewhile(lambda day: day <= today, periods_from(start, width)))
        found = {
            cohort.start.ToDatetime(UTC).date(): [(one.offset, one.users, one.still_running) for one in cohort.retained]
            for cohort in answer.cohorts
        }
        wanted = {}
        for number, cohort in enumerate(starts):
            mine = [seen for seen in days.values() if 0 <= (min(seen) - cohort).days < width]
            wanted[cohort] = [
                (
                    offset,
                    sum(any(0 <= (day - later).days < width for day in seen) for seen in mine),
                    later + timedelta(days=width) > today,
                )
                for offset, later in enumerate(starts[number : number + 6])
            ]
        assert found == wanted
        assert sum(cohort.users for cohort in answer.cohorts) == len(days)
        shares = [one for cohort in answer.cohorts for one in cohort.retained if cohort.users]
        assert all(one.HasField("share") for one in shares)
    months = user_pb2.GetUserRetentionRequest(
        time_range=serving.period(NOON, datetime(2024, 7, 1, tzinfo=UTC)), granularity=time_pb2.GRANULARITY_MONTH
    )
    answer = await ask(caller, "GetUserRetention", months)
    assert [(one.start.ToDatetime().isoformat()[:10], one.users) for one in answer.cohorts] == [
        ("2024-05-01", 0),
        ("2024-06-01", 0),
    ]
    assert answer.context.end == serving.stamp("2024-07-01")


def logged_in(user_id: str, name: str, hours: int) -> event_pb2.Event:
    return serving.event(
        "user.logged_in", at=NOON + timedelta(hours=hours), user_id=user_id, user=event_pb2.UserDetail(name=name)
    )


WORLD = [
    logged_in("u1", "Ann Miller", 0),
    logged_in("u2", "\u00c4nne", 1),
    logged_in("a3", "Bob", 2),
    serving.event("message.received", at=NOON + timedelta(hours=3), user_id="u4%"),
]


async def test_names_are_found_and_shown_where_they_are_kept(accounts: Accounts, server: Running) -> None:
    caller = await accounts.caller(settings=WITH_NAMES, scopes=SCOPES)
    other = await accounts.caller(scopes=SCOPES)
    for each in (caller, other):
        await each.track_all(WORLD)
    by_name = {"order_by": user_pb2.USER_ORDER_NAME}
    for fields, found in (
        ({}, ["u4%", "a3", "u2", "u1"]),
        (by_name, ["u1", "a3", "u2", "u4%"]),
        ({"prefix": "an", **by_name}, ["u1"]),
        ({"prefix": "a", **by_name}, ["u1", "a3"]),
        ({"prefix": "\u00e4N"}, ["u2"]),
        ({"prefix": "%"}, []),
    ):
        assert [user.user_id for user in (await listed(caller, **fields)).users] == found, fields
    assert [user.name for user in (await listed(caller, **by_name)).users] == ["Ann Miller", "Bob", "\u00c4nne", ""]
    assert [user.user_id for user in (await listed(other, prefix="a")).users] == ["a3"]
    assert {user.name for user in (await listed(other)).users} == {""}
    day = serving.period(NOON, NOON + timedelta(days=1))
    known = await one(caller, "u1", time_range=day)
    assert known.user.name == "Ann Miller"
    assert [(one.start.ToDatetime(UTC).date(), one.figures.events) for one in known.days] == [(NOON.date(), 1)]
    assert not (await one(caller, "u1")).days  # long ago
    await hold_the_client(server, caller)


async def hold_the_client(server: Running, caller: Caller) -> None:
    """Asks by the clients and by the commands, in each of their forms."""
    start, end = NOON - timedelta(days=1), NOON + timedelta(days=1)
    async with AsyncClient(server.address, api_key=caller.key.secret) as client:
        assert [user.user_id async for user in client.list_users(page_size=2)] == ["u4%", "a3", "u2", "u1"]
        assert (await client.get_user("u2")).user.figures.events == 1
        assert [one.users for one in (await client.user_retention(start, end, cohorts="day")).cohorts] == [0, 4, 0]

    def in_blocking_code() -> tuple[list[str], int, int]:
        with Client(server.address, api_key=caller.key.secret) as blocking:
            users = blocking.list_users(start, end, page_size=3, seen="new", order_by="user_id", ascending=False)
            retained = blocking.user_retention(start, end, periods=1)
            return (
                [user.user_id for user in users],
                len(blocking.get_user("u1", start, end).days),
                len(retained.cohorts),
            )

    assert await asyncio.to_thread(in_blocking_code) == (["u4%", "u2", "u1", "a3"], 1, 1)
    period = ("--from", "2024-05-15", "--to", "2024-05-16")
    document = await commands.document(server.address, caller, "users", "u", "--order", "user_id", "--limit", "2")
    assert [user["user_id"] for user in document["users"]] == ["u1", "u2"]
    rows = await commands.csv(server.address, caller, "users", *period, "--seen", "new", "--order", "events")
    assert [(row["user_id"], row["name"], row["events"]) for row in rows][:2] == [
        ("a3", "Bob", "1"),
        ("u1", "Ann Miller", "1"),
    ]
    assert "Ann Miller" in await commands.shown(server.address, caller, "users")
    assert "2024-05-15" in await commands.shown(server.address, caller, "user", "u1", *period)
    assert (await commands.csv(server.address, caller, "user", "u1", *period))[0]["events"] == "1"
    retained = await commands.csv(
        server.address, caller, "user-retention", *period, "--cohorts", "day", "--periods", "2"
    )
    assert [(row["offset"], row["retained"]) for row in retained] == [("0", "4"), ("1", "0"), ("2", "0")]
    assert "2024-05-13" in await commands.shown(server.address, caller, "user-retention", *period)


async def test_what_is_refused_and_who_sees_nothing(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    caller, other = [await accounts.caller(scopes=SCOPES) for _ in range(2)]
    reader = await accounts.another(caller, scopes=[Scope.READ])
    await caller.track_all(WORLD)
    token = (await listed(caller, page_size=1)).next_page_token
    day = serving.period(NOON, NOON + timedelta(days=1))
    long, tokyo = (
        serving.period(NOON, NOON + timedelta(days=1000)),
        serving.period(NOON, NOON + timedelta(1), "Asia/Tokyo"),
    )

    def retention(**fields: Any) -> Any:
        return ask(caller, "GetUserRetention", user_pb2.GetUserRetentionRequest(**fields))

    for call, refusal in (
        (listed(caller, order_by=99), ("INVALID_ENUM", "order_by")),
        (listed(caller, direction=99), ("INVALID_ENUM", "direction")),
        (listed(caller, time_range=day, seen=99), ("INVALID_ENUM", "seen")),
        (listed(caller, seen=user_pb2.USER_SEEN_NEW), ("INVALID_VALUE", "seen")),
        (listed(caller, page_size=-1), ("VALUE_OUT_OF_RANGE", "page_size")),
        (listed(caller, prefix="x" * 257), ("FIELD_TOO_LONG", "prefix")),
        (listed(caller, time_range=serving.period(NOON, NOON)), ("INVALID_TIME_RANGE", "time_range.end")),
        (listed(caller, page_token="x"), ("PAGE_TOKEN_INVALID", "page_token")),
        (listed(caller, page_token=token, prefix="u"), ("PAGE_TOKEN_MISMATCH", "page_token")),
        (listed(other, page_token=token), ("PAGE_TOKEN_INVALID", "page_token")),
        (listed(reader), ("SCOPE_MISSING", "")),
        (one(reader, "u1"), ("SCOPE_MISSING", "")),
        (one(caller, ""), ("REQUIRED_FIELD", "user_id")),
        (one(caller, "nobody"), ("USER_NOT_FOUND", "user_id")),
        (one(other, "u1"), ("USER_NOT_FOUND", "user_id")),
        (retention(), ("REQUIRED_FIELD", "time_range.start")),
        (retention(time_range=long, granularity=time_pb2.GRANULARITY_DAY), ("TOO_MANY_POINTS", "time_range")),
        (retention(time_range=day, granularity=time_pb2.GRANULARITY_HOUR), ("INVALID_VALUE", "granularity")),
        (retention(time_range=tokyo), ("INVALID_VALUE", "time_range.time_zone")),
        (retention(time_range=day, periods=61), ("VALUE_OUT_OF_RANGE", "periods")),
    ):
        found = serving.refusal(await refused(call))
        assert (found.reason, found.field) == refusal
    assert not (await listed(other)).users
    errors = [await refused(one(who, user_id)) for who, user_id in ((other, "u1"), (caller, "nobody"))]
    assert len({(error.code(), error.details()) for error in errors}) == 1
    for name in ("MOST_USERS", "MOST_DAYS", "MOST_RETAINED_DAYS"):
        monkeypatch.setattr(user_lists, name, 3)
    for call in (listed(caller), listed(caller, time_range=day), retention(time_range=day)):
        assert serving.refusal(await refused(call)).reason == "TOO_MANY_VALUES"
    by_id = [user.user_id for user in (await listed(caller, order_by=user_pb2.USER_ORDER_USER_ID)).users]
    assert by_id == ["a3", "u1", "u2", "u4%"]
    assert [user.user_id for user in (await listed(caller, prefix="u")).users] == ["u4%", "u2", "u1"]


LOGIN = re.compile(
    r"(\w{3}) +(\d+) (\S+) \S+ sshd\[\d+\]: (Accepted|Failed) \w+ for (?:invalid user )?(\S*) from (\S+)"
)


def logins() -> Iterator[tuple[datetime, str, str, str]]:
    """When each login of the real log was tried, with what outcome, by whom, and from where."""
    with gzip.open(real_data.DATA / "elastic_logs" / "auth.log.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            if found := LOGIN.match(line):
                month, day, clock, outcome, user, ip = found.groups()
                at = datetime.strptime(f"2017 {month} {day} {clock}", "%Y %b %d %H:%M:%S").replace(tzinfo=UTC)
                yield at, outcome, user, ip


@pytest.mark.skipif(
    not real_data.DATA.exists(), reason="published records are not part of this repository and do not lie beside it"
)
async def test_a_real_log_of_logins_as_users(accounts: Accounts) -> None:
    answers = json.loads((real_data.DATA / "elastic_logs" / "answers_auth.json").read_text(encoding="utf-8"))
    caller = await accounts.caller(settings=WITH_NAMES, scopes=SCOPES)
    accepted = [(at, user, ip) for at, outcome, user, ip in logins() if outcome == "Accepted"]
    await caller.track_all(
        serving.event("user.logged_in", at=at, user_id=user, user=event_pb2.UserDetail(ip=ip))
        for at, user, ip in accepted
    )
    found = await in_pages(caller, 4, order_by=user_pb2.USER_ORDER_EVENTS)
    assert {user.user_id: user.figures.events for user in found} == answers["successful_users"]
    for user in found:
        times = [at for at, name, _ in accepted if name == user.user_id]
        assert (user.first_seen_at, user.last_seen_at) == (serving.stamp(min(times)), serving.stamp(max(times)))
        assert user.figures.active_days == len({at.date() for at in times})
    whole = serving.period(datetime(2017, 3, 1, tzinfo=UTC), datetime(2017, 5, 1, tzinfo=UTC))
    per_day = Counter[str]()
    for user in found:
        for day in (await one(caller, user.user_id, time_range=whole)).days:
            at = day.start.ToDatetime(UTC)
            per_day[f"{at:%b} {at.day:2d} Accepted"] += day.figures.events
    assert per_day == {day: count for day, count in answers["per_day"].items() if day.endswith("Accepted")}
