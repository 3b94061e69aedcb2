"""What events say about users is shown while their organization keeps it; and users are found by their addresses."""

import uuid
from typing import Any

import pytest

from server.events.event import key_of
from server.organizations.settings import OrganizationSettings
from server.rpc import subscription
from server.store.database import Database
from server.tenancy import authentication
from server.tenancy.principal import Scope
from tallywire.v1 import (
    conversation_pb2,
    directory_service_pb2_grpc,
    event_pb2,
    event_service_pb2,
    event_service_pb2_grpc,
    list_events_pb2,
    realtime_service_pb2,
    realtime_service_pb2_grpc,
    user_pb2,
)
from tests.ingest.test_event_senders import organizations_of
from tests.support import serving, worlds
from tests.support.serving import Accounts, Caller

EVERYTHING = (Scope.ADMIN,)
DETAIL = event_pb2.UserDetail(ip="203.0.113.77", user_agent="CanaryBrowser/1.0", name="Canary Ann")


async def ask(caller: Caller, stub: Any, rpc: str, request: Any) -> Any:
    return await getattr(stub(caller.channel), rpc)(request, metadata=caller.metadata, timeout=30)


async def updates(caller: Caller, resume_after: str, wanted: int) -> tuple[str, list[event_pb2.Event]]:
    """The token with which a subscription begins, and that many events that come after it."""
    stub: Any = realtime_service_pb2_grpc.RealtimeServiceStub(caller.channel)
    request = realtime_service_pb2.WatchUpdatesRequest(include_events=True, resume_after=resume_after)
    call = stub.WatchUpdates(request, metadata=caller.metadata, timeout=60)
    token, found = "", list[event_pb2.Event]()
    try:
        async for message in call:
            token = token or message.resume_token
            found += message.events
            if token and len(found) >= wanted:
                break
    finally:
        call.cancel()
    return token, found


async def shown(caller: Caller, event_id: str, token: str) -> dict[str, list[event_pb2.Event]]:
    """The event, and what it was before, wherever raw events are shown."""
    events, directory = event_service_pb2_grpc.EventServiceStub, directory_service_pb2_grpc.DirectoryServiceStub
    listed = await ask(caller, events, "ListEvents", list_events_pb2.ListEventsRequest(time_range=serving.today()))
    history = await ask(caller, events, "GetEvent", event_service_pb2.GetEventRequest(event_id=event_id))
    timeline = await ask(
        caller, directory, "GetConversation", conversation_pb2.GetConversationRequest(conversation_id="c")
    )
    return {
        "ListEvents": [row.event for row in listed.rows],
        "GetEvent": [history.event.event, *(one.stored.event for one in history.earlier)],
        "GetConversation": [one.event for one in timeline.timeline],
        "WatchUpdates": (await updates(caller, token, 1))[1],
    }


async def test_what_was_stored_of_users_is_not_shown_once_it_is_not_to_be_kept(
    accounts: Accounts, database: Database
) -> None:
    kept = OrganizationSettings(time_zone="UTC", keep_user_details=True)
    caller = await accounts.caller(scopes=EVERYTHING, settings=kept)
    token, _ = await updates(caller, "", 0)
    one = serving.event("user.logged_in", user_id="u", conversation_id="c", user=DETAIL)
    await caller.track(one)
    one.channel = "web"
    request = event_service_pb2.CorrectEventsRequest(events=[one], reason="late")
    await ask(caller, event_service_pb2_grpc.EventServiceStub, "CorrectEvents", request)
    before = await shown(caller, one.event_id, token)
    assert {name: len(some) for name, some in before.items()} == {**dict.fromkeys(before, 1), "GetEvent": 2}
    assert all(event.user == DETAIL for some in before.values() for event in some)
    await organizations_of(database, caller, keep_user_details=False)
    after = await shown(await accounts.another(caller, scopes=EVERYTHING), one.event_id, token)
    assert {name: len(some) for name, some in after.items()} == {name: len(some) for name, some in before.items()}
    for name, some in after.items():
        for event, was in zip(some, before[name], strict=True):
            assert not event.HasField("user"), name
            was.ClearField("user")
            assert event == was, "all else is shown as ever"


async def test_a_subscription_that_lasts_goes_by_what_is_kept_now(
    accounts: Accounts, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authentication, "_FRESH_SECONDS", 0.0)
    monkeypatch.setattr(subscription, "_ASK_SECONDS", 0.0)
    kept = OrganizationSettings(time_zone="UTC", keep_user_details=True)
    caller = await accounts.caller(scopes=EVERYTHING, settings=kept)
    stub: Any = realtime_service_pb2_grpc.RealtimeServiceStub(caller.channel)
    request = realtime_service_pb2.WatchUpdatesRequest(include_events=True)
    call = stub.WatchUpdates(request, metadata=caller.metadata, timeout=60)
    detail = {"ip": DETAIL.ip, "user_agent": DETAIL.user_agent, "name": DETAIL.name}
    (told,) = worlds.events(1, 1)

    async def next_shown() -> event_pb2.UserDetail:
        """What the subscription shows of an event that was stored with everything."""
        event_id = str(uuid.uuid4())
        one = told._replace(event_id=event_id, event_key=key_of(event_id), event_type="user.logged_in", detail=detail)
        await worlds.store(database, caller.organization_id, [one])
        await caller.track(serving.event())  # which wakes the subscription
        while True:
            for event in (await call.read()).events:
                if event.event_id == event_id:
                    return event.user

    try:
        assert (await call.read()).bookmark
        assert await next_shown() == DETAIL
        await organizations_of(database, caller, keep_user_details=False)
        while await next_shown() == DETAIL:  # until the stream's caller is looked up again
            pass
        assert await next_shown() == event_pb2.UserDetail()
    finally:
        call.cancel()


async def test_users_are_found_by_addresses_however_they_are_written(accounts: Accounts) -> None:
    caller = await accounts.caller(scopes=EVERYTHING)
    await caller.track(serving.event(user_id="Ann Lee <ann@example.org>", conversation_id="c"))
    directory = directory_service_pb2_grpc.DirectoryServiceStub
    for address in ("ann@example.org", " ANN@Example.org"):
        user = await ask(caller, directory, "GetUser", user_pb2.GetUserRequest(user_id=address))
        assert user.user.figures.events == 1
        request = user_pb2.ListUserActivitiesRequest(user_id=address)
        did = await ask(caller, directory, "ListUserActivities", request)
        listed = await ask(
            caller,
            directory,
            "ListConversations",
            conversation_pb2.ListConversationsRequest(
                time_range=serving.today(), time=conversation_pb2.CONVERSATION_TIME_ACTIVE, user_id=address
            ),
        )
        assert [len(did.activities), len(listed.conversations)] == [1, 1]
        assert user.user.user_id == listed.conversations[0].user_id
        assert "@" not in user.user.user_id
