"""Idle conversations end by themselves: once, at a time that follows from their last event, until somebody goes on."""

import asyncio
import functools
import json
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from server import kinds
from server.catalog.families.conversations import PROJECTION
from server.events.event import Event, key_of
from server.ingest import idle
from server.ingest.idle import IdleConversations
from server.organizations.settings import OrganizationSettings
from server.projections.projector import Projector
from server.projections.rebuild import rebuild
from server.rollups import audit
from server.store import activity, projections
from server.store.database import Database
from server.store.isolation import EVERY
from server.tasks.kinds import UNFINISHED, Result, Work
from server.tenancy import administration
from tests.support import worlds

AFTER = 30  # minutes
MINUTE = timedelta(minutes=1)
NOW = datetime.now(UTC).replace(microsecond=123_000)
Told = Callable[..., Awaitable[None]]


@pytest.fixture
async def organization(own_database: Database) -> int:
    """An organization that ends idle conversations."""
    settings = OrganizationSettings(time_zone="UTC", close_idle_after=AFTER)
    return await administration.create_organization(own_database, "idle", settings)


@pytest.fixture
def told(own_database: Database, organization: int) -> Told:
    """Stores events of a conversation: their types and how many minutes ago they were."""
    return functools.partial(tell, own_database, organization)


def event(conversation: str, event_type: str, ago: float, **fields: Any) -> Event:
    """An event of a conversation."""
    event_id = f"{conversation} {event_type} {ago}"
    at = round((NOW - ago * MINUTE).timestamp() * 1_000_000)
    said: dict[str, Any] = {"agent_id": "", "user_id": "", "channel": "", "team_id": "", "detail": {}, **fields}
    return worlds.events(1, 1)[0]._replace(
        event_id=event_id,
        event_key=key_of(event_id),
        event_type=event_type,
        occurred_at=at,
        conversation_id=conversation,
        properties="",
        **said,
    )


async def tell(
    database: Database, organization: int, conversation: str, *events: tuple[str, float], **fields: Any
) -> None:
    """Stores events of a conversation."""
    await worlds.store(database, organization, [event(conversation, *one, **fields) for one in events])


async def end(database: Database, now: datetime = NOW, on_commit: Callable[[int], None] = lambda _: None) -> Result:
    """Ends what is idle, as a worker does."""
    return await IdleConversations(distinct=None, on_commit=on_commit).end(work(database, now))


def work(database: Database, now: datetime) -> Work:
    """A task of the service."""
    return Work(database=database, task_id=1, organization_id=0, payload={}, now=now, period=None, last={})


async def ends(database: Database, organization: int) -> list[tuple[str, str, float]]:
    """The conversations, the types and the times, in minutes before now, of what the service has stored."""
    async with database.snapshot(of=EVERY) as driver:
        rows = await driver.fetch(
            "SELECT * FROM events WHERE organization_id = $1 AND properties ? 'close_idle_after'", organization
        )
    return sorted(
        (row["conversation_id"], row["event_type"], (NOW - row["occurred_at"]).total_seconds() / 60) for row in rows
    )


async def kept(database: Database, organization: int, conversation: str) -> dict[str, Any]:
    """A conversation as it is kept, once all events are taken in."""
    await worlds.project(database, organization)
    async with database.snapshot(of=EVERY) as driver:
        row = await driver.fetchrow(
            "SELECT * FROM conversations WHERE organization_id = $1 AND conversation_id = $2",
            organization,
            conversation,
        )
    assert (await audit.check(database, organization)).mismatches == 0
    return dict(row or {})


async def test_an_idle_conversation_is_ended_or_abandoned_once(
    own_database: Database, organization: int, told: Told
) -> None:
    who = {"agent_id": "ada", "user_id": "max", "channel": "web", "team_id": "north"}
    await told("answered", ("message.received", 50), ("message.sent", 40), **who)
    await told("unanswered", ("message.sent", 50), ("message.received", 45))
    await told("kept open", ("message.sent", 50), ("knowledge.retrieved", 20))
    await told("of now", ("message.sent", 29.9))
    await told("never spoken in", ("feedback.submitted", 50))
    await told("resolved", ("message.sent", 50), ("conversation.resolved", 45))
    woken: list[int] = []
    assert await end(own_database, on_commit=woken.append) == {"ended": 2, UNFINISHED: False}
    assert set(woken) == {organization}
    expected = [("answered", "conversation.ended", 10), ("unanswered", "conversation.abandoned", 15)]
    assert await ends(own_database, organization) == expected
    async with own_database.snapshot(of=EVERY) as driver:
        row = await driver.fetchrow("SELECT * FROM events WHERE event_type = 'conversation.ended'")
        counted = await driver.fetchval("SELECT month_events FROM revisions WHERE organization_id = $1", organization)
    assert row is not None
    assert {name: row[name] for name in who} == who
    assert (row["event_id"], row["event_key"][6] >> 4) == (str(uuid.UUID(bytes=row["event_key"])), 5)
    assert json.loads(row["properties"]) == {"close_idle_after": AFTER}
    assert counted == 10, "what the service makes is not the tenant's quota"
    found = await kept(own_database, organization, "answered")
    assert (found["closed_at"], found["is_open"], found["agent_id"]) == (NOW - 10 * MINUTE, False, "ada")
    assert found["latest_at"] == NOW - 40 * MINUTE, "nobody was active"
    assert await end(own_database) == {"ended": 0, UNFINISHED: False}
    assert await ends(own_database, organization) == expected


async def test_it_is_counted_and_in_the_log_of_updates(own_database: Database, organization: int, told: Told) -> None:
    await told("one", ("conversation.started", 50), ("message.sent", 40))
    await worlds.project(own_database, organization)
    revisions = "SELECT array_agg(revision ORDER BY revision) FROM {} WHERE organization_id = $1 AND revision > $2"
    before = int(str(await worlds.value(own_database, "SELECT max(revision) FROM revisions")))
    await end(own_database)
    made, changed = before + 1, before + 2  # the event, then what it changes of conversations
    assert await worlds.value(own_database, revisions.format("events"), organization, before) == [made]
    assert await worlds.value(own_database, revisions.format("updates"), organization, before) == [made, changed]
    position = "SELECT revision FROM projections WHERE organization_id = $1 AND name = $2"
    assert await worlds.value(own_database, position, organization, PROJECTION) == changed


async def test_without_the_setting_nothing_ends(own_database: Database, own_organization: int) -> None:
    await tell(own_database, own_organization, "one", ("message.sent", 10_000))
    assert await end(own_database) == {"ended": 0, UNFINISHED: False}
    assert (await kept(own_database, own_organization, "one"))["is_open"]


async def test_workers_that_do_it_at_once_store_one_event(
    own_database: Database, organization: int, told: Told
) -> None:
    for number in range(30):
        await told(f"conversation {number}", ("message.sent", 40 + number))
    done = await asyncio.gather(*(end(own_database) for _ in range(3)))
    assert sum(int(str(one["ended"])) for one in done) == 30
    assert len(await ends(own_database, organization)) == 30
    assert await worlds.value(own_database, "SELECT count(*) FROM events") == 60
    assert (await audit.check(own_database, organization)).mismatches == 0


async def test_it_goes_on_where_one_run_does_not_do_all(
    own_database: Database, organization: int, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle, "BATCH", 2)
    for number in range(5):
        await told(f"conversation {number}", ("message.sent", 40 + number))
    done = [await end(own_database) for _ in range(4)]
    assert [(one["ended"], one[UNFINISHED]) for one in done] == [(2, True), (2, True), (1, False), (0, False)]


async def test_a_message_that_comes_in_meanwhile_goes_on(
    own_database: Database, organization: int, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    await told("one", ("message.received", 40))
    find = activity.idle

    async def find_and_tell(*arguments: Any) -> Any:
        found = await find(*arguments)
        await told("one", ("message.sent", 0))
        return found

    with monkeypatch.context() as patch:
        patch.setattr(activity, "idle", find_and_tell)
        await end(own_database)
    found = await kept(own_database, organization, "one")
    assert (found["is_open"], found["outcome"], found["idle_ended_at"]) == (True, None, None)
    assert await end(own_database, NOW + 29 * MINUTE) == {"ended": 0, UNFINISHED: False}
    assert await end(own_database, NOW + 30 * MINUTE) == {"ended": 1, UNFINISHED: False}
    expected = [("one", "conversation.abandoned", 10), ("one", "conversation.ended", -30)]
    assert await ends(own_database, organization) == expected
    assert (await kept(own_database, organization, "one"))["closed_at"] == NOW + 30 * MINUTE


@pytest.mark.parametrize(
    ("later", "closed_ago"),
    [
        (("message.sent", 35), 5),
        (("conversation.reopened", 31), 1),
        (("message.received", 1), None),
        (("conversation.reopened", 1), None),
        (("conversation.resolved", 1), 1),
        (("feedback.submitted", 1), 10),
        (("message.sent", 41), 10),
    ],
    ids=lambda given: " ".join(map(str, given)) if isinstance(given, tuple) else "",
)
async def test_later_activity_undoes_it(
    own_database: Database, organization: int, told: Told, later: tuple[str, float], closed_ago: float | None
) -> None:
    await told("one", ("conversation.started", 50), ("message.sent", 40))
    await end(own_database)
    assert (await kept(own_database, organization, "one"))["closed_at"] == NOW - 10 * MINUTE
    await told("one", later)
    await end(own_database)
    found = await kept(own_database, organization, "one")
    assert found["closed_at"] == (None if closed_ago is None else NOW - closed_ago * MINUTE)
    assert found["is_open"] == (closed_ago is None)
    await rebuild(own_database, organization, PROJECTION, lambda _: None)
    assert await kept(own_database, organization, "one") == found


async def test_an_end_that_was_sent_is_not_undone_by_a_message(
    own_database: Database, organization: int, told: Told
) -> None:
    await told("one", ("message.sent", 40), ("conversation.ended", 20), ("message.received", 10))
    await end(own_database, NOW + 60 * MINUTE)
    assert (await kept(own_database, organization, "one"))["closed_at"] == NOW - 20 * MINUTE
    assert await ends(own_database, organization) == []


async def test_a_conversation_with_a_human_ends_too(own_database: Database, organization: int, told: Told) -> None:
    await told("one", ("message.received", 50), ("conversation.escalated", 45))
    assert (await kept(own_database, organization, "one"))["is_open"]
    await end(own_database)
    found = await kept(own_database, organization, "one")
    assert (found["is_open"], found["outcome"], found["closed_at"]) == (False, 4, NOW - 45 * MINUTE)
    assert await ends(own_database, organization) == [("one", "conversation.abandoned", 15)]


async def test_the_audit_finds_an_end_that_was_not_taken_in(
    own_database: Database, organization: int, told: Told
) -> None:
    await told("one", ("message.sent", 50))
    await end(own_database)
    await worlds.execute(own_database, "UPDATE conversations SET idle_ended_at = NULL, outcome = NULL, is_open = true")
    assert (await audit.check(own_database, organization)).mismatches > 0


async def test_nothing_ends_by_what_may_be_out_of_date(own_database: Database, organization: int, told: Told) -> None:
    await told("one", ("message.sent", 40))
    await worlds.project(own_database, organization)
    async with own_database.transaction(of=EVERY) as driver:
        await projections.stop(driver, organization, PROJECTION, 3, "a fault")
    await told("one", ("message.sent", 1))
    assert await end(own_database) == {"ended": 0, UNFINISHED: False}


async def test_an_organization_that_fails_does_not_keep_others_from_their_turns(
    own_database: Database, organization: int, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = OrganizationSettings(time_zone="UTC", close_idle_after=1)
    failing = [await administration.create_organization(own_database, f"failing {one}", settings) for one in range(4)]
    await told("one", ("message.sent", 40))
    find = activity.idle

    async def fail(driver: Any, organization_id: int, *arguments: Any) -> Any:
        if organization_id in failing:
            raise ValueError("a fault")
        return await find(driver, organization_id, *arguments)

    monkeypatch.setattr(activity, "idle", fail)
    with pytest.raises(ValueError, match="a fault"):
        await end(own_database)
    assert len(await ends(own_database, organization)) == 1


async def test_conversations_that_others_hold_for_long_are_left_to_the_next_minute(
    own_database: Database, organization: int, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a rebuild does. The task does not fail, and others have their turns."""
    monkeypatch.setattr(projections, "LOCK_SECONDS", 0.2)
    settings = OrganizationSettings(time_zone="UTC", close_idle_after=AFTER)
    held = await administration.create_organization(own_database, "held", settings)
    await tell(own_database, held, "one", ("message.sent", 50))
    await told("two", ("message.sent", 50))
    async with own_database.transaction(of=EVERY) as driver:
        await projections.lock(driver, held, PROJECTION)
        assert await end(own_database) == {"ended": 1, UNFINISHED: False}
    assert await end(own_database) == {"ended": 1, UNFINISHED: False}
    assert len(await ends(own_database, held)) == len(await ends(own_database, organization)) == 1


async def test_its_steps_are_those_of_the_process(own_database: Database, organization: int, told: Told) -> None:
    followed: list[int] = []

    class Followed(Projector):
        async def follow(self, organization_id: int, name: str, target: int | None = None) -> int:
            followed.append(organization_id)
            return await super().follow(organization_id, name, target)

    known = kinds.known(projector=Followed(own_database))
    await told("one", ("message.sent", 40))
    assert await known["idle_conversations"].run(work(own_database, NOW)) == {"ended": 1, UNFINISHED: False}
    assert followed[0] == organization


async def test_it_is_a_task_of_a_schedule(own_database: Database, organization: int, told: Told) -> None:
    known = kinds.known()
    (schedule,) = (one for one in known.schedules if one.kind == "idle_conversations")
    assert (schedule.cron, schedule.per_organization) == ("* * * * *", False)
    await told("one", ("message.sent", 40))
    assert await known[schedule.kind].run(work(own_database, NOW)) == {"ended": 1, UNFINISHED: False}
    assert len(await ends(own_database, organization)) == 1
