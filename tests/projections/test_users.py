"""The projection of users: who was seen when, and what each did on each day."""

import dataclasses
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from server.events.event import Event
from server.events.user_activity import DayActivity
from server.organizations.settings import OrganizationSettings
from server.projections.rebuild import rebuild
from server.store import projections
from server.store.database import Database
from server.store.isolation import EVERY
from tallywire.v1 import event_pb2, realtime_service_pb2, realtime_service_pb2_grpc
from tests.support import effort, serving, stepping, worlds
from tests.support.serving import Accounts, Caller

USERS = "users"
MESSAGES = ("message.received", "message.sent")
USES = (*MESSAGES, "model.called")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
COUNTS = tuple(one.name for one in dataclasses.fields(DayActivity))
NO_COUNTS = dict.fromkeys(COUNTS, 0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of users, by the names of columns."""

    users: Mapping[str, Mapping[str, Any]]
    days: Mapping[tuple[str, date], Mapping[str, int]]


def events(seed: int, count: int) -> list[Event]:
    """Events of a small business, in which every event may be one of a conversation, and some tell names of users."""
    dice = random.Random(seed)
    return [_about_users(dice, event) for event in worlds.events(seed, count)]


def _about_users(dice: random.Random, event: Event) -> Event:
    at = event.occurred_at // 3_600_000_000 * 3_600_000_000
    if dice.random() < 0.1:
        detail: dict[str, int | str] = {"name": dice.choice(("Ann", "Bob"))} if dice.random() < 0.8 else {}
        return event._replace(event_type="user.logged_in", occurred_at=at, detail=detail, conversation_id="")
    if event.event_type in USES:
        names = ("prompt_tokens", "cached_tokens", "completion_tokens", "cost_micros")
        return event._replace(occurred_at=at, detail={name: dice.randrange(9) for name in names if dice.random() < 0.7})
    return event


def at(event: Event) -> datetime:
    return EPOCH + timedelta(microseconds=event.occurred_at)


def recomputed(some: Sequence[Event]) -> Known:
    """What events say of users, looked at all at once."""
    told = [event for event in some if event.user_id]
    days: dict[tuple[str, date], dict[str, int]] = {}
    for event in told:
        day = days.setdefault((event.user_id, at(event).date()), dict(NO_COUNTS))
        day["events"] += 1
        if event.event_type in MESSAGES:
            day["messages_sent" if event.event_type == "message.sent" else "messages_received"] += 1
        if event.event_type in USES:
            for name in ("prompt_tokens", "cached_tokens", "completion_tokens", "cost_micros"):
                day[name] += int(event.detail.get(name, 0))
        if event.event_type == "feedback.submitted" and (rating := int(event.detail.get("rating", 0))):
            day["ratings"] += 1
            day["rating_sum"] += rating
    for conversation in {event.conversation_id for event in told} - {""}:
        mine = [event for event in told if event.conversation_id == conversation]
        starts = [event for event in mine if event.event_type == "conversation.started"]
        first = min(starts or mine, key=lambda event: (event.occurred_at, event.user_id))
        days[first.user_id, at(first).date()]["conversations"] += 1
    return Known(users={one: _user([event for event in told if event.user_id == one]) for one, _ in days}, days=days)


def _user(mine: Sequence[Event]) -> dict[str, Any]:
    names = [(at(one), str(one.detail["name"])) for one in mine if one.event_type == "user.logged_in" and one.detail]
    name_at, name = max(names, default=(None, ""))
    times = [at(one) for one in mine]
    return {"first_seen_at": min(times), "last_seen_at": max(times), "name_at": name_at, "name": name}


async def known(database: Database, organization: int) -> Known:
    """What is kept of the users of an organization."""
    async with database.snapshot(of=EVERY) as driver:
        users, days = [
            await driver.fetch(
                f"SELECT t.* FROM {table} t JOIN projections p USING (organization_id, version)"
                " WHERE t.organization_id = $1 AND p.name = 'users'",
                organization,
            )
            for table in ("users", "user_days")
        ]
    profile = ("first_seen_at", "last_seen_at", "name_at", "name")
    return Known(
        users={row["user_id"]: {name: row[name] for name in profile} for row in users},
        days={(row["user_id"], row["day"]): {name: row[name] for name in COUNTS} for row in days},
    )


@pytest.mark.parametrize("seed", range(effort.chosen(2, thorough=3)))
async def test_users_do_not_depend_on_order_and_steps(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    some = events(seed, 300)
    await stepping.in_random_steps(own_database, own_organization, some, monkeypatch, seed)
    assert await known(own_database, own_organization) == recomputed(some)


@pytest.mark.usefixtures("small_steps")
async def test_many_that_step_at_once_count_everything_once(own_database: Database, own_organization: int) -> None:
    some = events(5, 300)
    await stepping.by_many_at_once(own_database, own_organization, some, USERS)
    assert await known(own_database, own_organization) == recomputed(some)


@pytest.mark.usefixtures("small_steps")
async def test_a_rebuild_comes_to_the_same(own_database: Database, own_organization: int) -> None:
    some = events(3, 200)
    await worlds.store(own_database, own_organization, some, batch=5)
    await worlds.project(own_database, own_organization)
    figures = await worlds.figures(own_database, own_organization)
    await worlds.execute(own_database, "UPDATE user_days SET conversations = 100, prompt_tokens = 0")

    def end(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await rebuild(own_database, own_organization, USERS, end)
    done = await rebuild(own_database, own_organization, USERS, lambda _: None)
    assert 0 < done.events < 200
    assert await known(own_database, own_organization) == recomputed(some)
    assert await worlds.figures(own_database, own_organization) == figures
    for table in ("users", "user_days", "user_conversations"):
        assert await worlds.value(own_database, f"SELECT count(*) FROM {table} WHERE version = 1") == 0


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
async def test_a_rebuild_keeps_what_is_known_from_times_without_raw_events(
    own_database: Database, own_organization: int, share: float
) -> None:
    some = events(3, 300)
    await worlds.store(own_database, own_organization, some)
    await worlds.project(own_database, own_organization)
    bucket = sorted(event.occurred_at for event in some)[int(300 * share)] // 900_000_000
    await worlds.execute(own_database, "DELETE FROM events WHERE occurred_at < to_timestamp($1)", bucket * 900)
    await worlds.execute(own_database, "UPDATE organizations SET raw_from_bucket = $1", bucket)
    await rebuild(own_database, own_organization, USERS, lambda _: None)
    assert await known(own_database, own_organization) == recomputed(some)
    await worlds.store(own_database, own_organization, more := events(4, 100))
    await worlds.project(own_database, own_organization)
    assert await known(own_database, own_organization) == recomputed([*some, *more])


async def test_answers_that_do_not_show_users_do_not_wait_for_them(caller: Caller, database: Database) -> None:
    await caller.track(serving.event("message.sent", user_id="ann", conversation_id="c"))
    stub = realtime_service_pb2_grpc.RealtimeServiceStub(caller.channel)
    request = realtime_service_pb2.GetRealtimeMetricsRequest()
    async with database.transaction(of=EVERY) as driver:
        await projections.lock(driver, caller.organization_id, USERS)
        overview = (await caller.overview(serving.today())).overview
        realtime = await stub.GetRealtimeMetrics(request, metadata=caller.metadata, timeout=20)
    assert overview.total_conversations == realtime.state.metrics.active_conversations == 1


# A small world


NOON = datetime(2024, 5, 15, 12, tzinfo=UTC)


def told(event_type: str, hour: int, user_id: str, **fields: Any) -> event_pb2.Event:
    return serving.event(event_type, at=NOON + timedelta(hours=hour), user_id=user_id, **fields)


WORLD = (
    told(
        "message.sent", 1, "ann", conversation_id="c", message=event_pb2.MessageDetail(prompt_tokens=5, cost_micros=3)
    ),
    told("conversation.started", 0, "ann", conversation_id="c"),
    told("conversation.started", 20, "ann", conversation_id="c"),
    told("message.received", 13, "ann", conversation_id="d", message=event_pb2.MessageDetail(completion_tokens=7)),
    told("user.logged_in", 14, "ann", user=event_pb2.UserDetail(name="Ann")),
    told("api.called", 2, ""),
)


async def test_the_figures_of_a_small_world(caller: Caller, database: Database) -> None:
    await caller.track_all(WORLD)
    await worlds.project(database, caller.organization_id)
    found = await known(database, caller.organization_id)
    assert found.users == {
        "ann": {
            "first_seen_at": NOON,
            "last_seen_at": NOON + timedelta(hours=20),
            "name_at": None,
            "name": "",
        }
    }
    assert found.days == {
        ("ann", date(2024, 5, 15)): {
            **NO_COUNTS,
            "events": 2,
            "messages_sent": 1,
            "conversations": 1,
            "prompt_tokens": 5,
            "cost_micros": 3,
        },
        ("ann", date(2024, 5, 16)): {
            **NO_COUNTS,
            "events": 3,
            "messages_received": 1,
            "conversations": 1,
            "completion_tokens": 7,
        },
    }


async def test_a_name_is_kept_where_the_organization_keeps_details_of_users(
    accounts: Accounts, database: Database
) -> None:
    caller = await accounts.caller(settings=OrganizationSettings(time_zone="UTC", keep_user_details=True))
    await caller.track_all(WORLD)
    custom = event_pb2.AgentDetail(name="not a user")
    await caller.track(told("agent.updated", 15, "ann", agent_id="bot", agent=custom))
    await worlds.project(database, caller.organization_id)
    found = (await known(database, caller.organization_id)).users["ann"]
    assert (found["name"], found["name_at"]) == ("Ann", NOON + timedelta(hours=14))
