"""PrivacyService on the wire: erasures and exports, and that no byte of an erased person is left."""

import functools
import json
import pathlib
from collections.abc import Collection, Sequence
from typing import Any

import asyncpg
import grpc
import pytest
import redis.asyncio
from structlog.testing import capture_logs

from server.app import Running
from server.events.erased import SHOWN
from server.local import embedded
from server.organizations.audit_trail import Chosen
from server.organizations.settings import OrganizationSettings
from server.store import erased_users
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy import audit_trail
from server.tenancy.principal import Scope
from tallywire.v1 import (
    conversation_pb2,
    directory_service_pb2_grpc,
    event_pb2,
    event_service_pb2,
    privacy_service_pb2,
    privacy_service_pb2_grpc,
    realtime_service_pb2,
    realtime_service_pb2_grpc,
)
from tests.privacy import erasures as own
from tests.support import serving, waiting
from tests.support.serving import Accounts, Caller, refused

ADMIN = (Scope.ADMIN,)
KINDS = ("profile", "day", "activity", "replaced_activity", "conversation", "lead", "content_gap")
ANN, NAME, ADDRESS, BROWSER = own.CANARIES[:4]
SECRET, QUESTION, EVENT_ID = "canary-of-a-property", "canary-of-a-question", "canary-of-an-event-id"
BYTES = (ANN, NAME, ADDRESS, BROWSER, SECRET, QUESTION, EVENT_ID)


async def ask(caller: Caller, rpc: str, **fields: Any) -> Any:
    """Calls an RPC of PrivacyService."""
    stub = privacy_service_pb2_grpc.PrivacyServiceStub(caller.channel)
    request = getattr(privacy_service_pb2, f"{rpc}Request")(**fields)
    return await getattr(stub, rpc)(request, metadata=caller.metadata, timeout=30)


async def erase(database: Database, caller: Caller, user_id: str = ANN, **fields: Any) -> privacy_service_pb2.Erasure:
    """Erases somebody, with the task done as a worker does it, and returns the erasure."""
    begun = (await ask(caller, "EraseUser", user_id=user_id, **fields)).erasure
    assert begun.state == privacy_service_pb2.ERASURE_STATE_RUNNING
    async with database.transaction(of=EVERY) as driver:
        found = await erased_users.by_id(driver, caller.organization_id, own.uuid.UUID(begun.erasure_id))
    assert found is not None
    await own.run(database, found)
    done = (await ask(caller, "GetErasure", erasure_id=begun.erasure_id)).erasure
    assert done.state == privacy_service_pb2.ERASURE_STATE_DONE
    return done  # type: ignore[no-any-return]


def events_of_ann() -> list[event_pb2.Event]:
    """Events that tell everything about a person."""
    logged_in = serving.event("user.logged_in", user_id=ANN)
    logged_in.user.ip, logged_in.user.name, logged_in.user.user_agent = ADDRESS, NAME, BROWSER
    gap = serving.event("content_gap.found", user_id=ANN)
    gap.content_gap.topic, gap.content_gap.question = "returns", QUESTION
    sent = [serving.event("message.sent", user_id=ANN, conversation_id="c-1", agent_id="bot") for _ in range(3)]
    for number, one in enumerate(sent):
        one.event_id = f"{EVENT_ID}-{number}"
        one.properties.update({"note": SECRET})
    sent[-1].conversation_id = "c-2"
    lead = serving.event("lead.created", user_id=ANN, campaign_id="spring")
    lead.lead.lead_id, lead.lead.value_micros = "lead-1", 5_000_000
    return [logged_in, gap, *sent, lead, serving.event("message.received", user_id="ben", conversation_id="c-1")]


async def lines(caller: Caller, user_id: str = ANN) -> list[dict[str, Any]]:
    """All that is kept about somebody."""
    stub = privacy_service_pb2_grpc.PrivacyServiceStub(caller.channel)
    request = privacy_service_pb2.ExportUserRequest(user_id=user_id)
    found = stub.ExportUser(request, metadata=caller.metadata, timeout=30)
    return [json.loads(line) async for message in found for line in message.lines]


async def users(caller: Caller) -> dict[str, list[Any]]:
    """The rows of a table of users."""
    answer = await caller.table(serving.today(), "events", "messages_sent", by=("user",))
    return {row.values[0]: [one.integer for one in row.figures] for row in answer.rows}


def files_with(folder: pathlib.Path, texts: Sequence[str]) -> list[str]:
    """The files below a folder that hold one of some texts."""
    wanted = [text.encode() for text in texts]
    return [
        f"{file.name}: {text.decode()}"
        for file in sorted(folder.rglob("*"))
        if file.is_file()
        for content in (file.read_bytes(),)
        for text in wanted
        if text in content
    ]


async def in_redis(url: str, texts: Sequence[str]) -> list[str]:
    """The keys of Redis that hold one of some texts, in their names or what they are worth."""
    async with redis.asyncio.Redis.from_url(url) as client:
        found = []
        async for key in client.scan_iter():
            content = key + (await client.dump(key) or b"")
            found += [f"{key!r}: {text}" for text in texts if text.encode() in content]
        return found


async def vacuumed(engines: embedded.Engines) -> pathlib.Path:
    """The folder of tables and indexes of all databases, without dead rows, and as it is on the disk."""
    connection = await asyncpg.connect(engines.url("tallywire").replace("postgresql+asyncpg", "postgresql"))
    try:
        await connection.execute("VACUUM FULL")
    finally:
        await connection.close()
    admin = await asyncpg.connect(engines.admin_url.replace("postgresql+asyncpg", "postgresql"))
    try:
        await admin.execute("CHECKPOINT")
        folder: str = await admin.fetchval("SHOW data_directory")
        return pathlib.Path(folder.replace("/proc/self/", f"/proc/{engines.postgres_pid}/")) / "base"
    finally:
        await admin.close()


async def test_no_byte_of_a_person_is_left(frail: tuple[Running, Accounts], frail_engines: embedded.Engines) -> None:
    _, accounts = frail
    with capture_logs() as log:
        caller = await accounts.caller(scopes=ADMIN, settings=OrganizationSettings(keep_user_details=True))
        stub = realtime_service_pb2_grpc.RealtimeServiceStub(caller.channel)
        watched = stub.WatchUpdates(
            realtime_service_pb2.WatchUpdatesRequest(include_events=True), metadata=caller.metadata, timeout=300
        )
        token = (await watched.read()).resume_token
        sent = events_of_ann()
        await caller.track_all(sent)
        await lines(caller)  # brings projections up to date
        state = await stub.GetRealtimeMetrics(
            realtime_service_pb2.GetRealtimeMetricsRequest(), metadata=caller.metadata, timeout=30
        )
        assert ANN in str(state) or "ben" in str(state)
        await own.worlds.execute(accounts.database, "ANALYZE")
        before = await caller.overview(serving.today())
        base = await vacuumed(frail_engines)
        assert {one.split(": ")[1] for one in files_with(base, BYTES)} == set(BYTES)
        done = await erase(accounts.database, caller, request_id="ticket-1")
        assert {one.table for one in done.receipt.rows} >= {"events", "members", "users", "user_days"}
        after = await caller.overview(serving.today())
        again = await caller.track_all(sent)
        assert {one.status for one in again.results} == {event_service_pb2.EVENT_STATUS_DUPLICATE}
        await until_gone(frail_engines.redis_url)
        state = await stub.GetRealtimeMetrics(
            realtime_service_pb2.GetRealtimeMetricsRequest(), metadata=caller.metadata, timeout=30
        )
        await waiting.until(functools.partial(_is_forgotten, caller, token))
        watched.cancel()
    assert files_with(await vacuumed(frail_engines), BYTES) == []
    assert not [text for text in BYTES if text in str(state) or text in str(log) or text in str(done)]
    for one in (before, after):
        one.ClearField("context")
    assert before == after


async def _is_forgotten(caller: Caller, token: str) -> bool:
    """Whether somebody who goes on after a token gets the events without the person, wherever the server has them."""
    stub = realtime_service_pb2_grpc.RealtimeServiceStub(caller.channel)
    request = realtime_service_pb2.WatchUpdatesRequest(include_events=True, resume_after=token)
    call = stub.WatchUpdates(request, metadata=caller.metadata, timeout=30)
    found: list[event_pb2.Event] = []
    async for update in call:
        found += update.events
        if len(found) >= len(events_of_ann()):
            break
    call.cancel()
    assert [one.user_id for one in found].count("ben") == 1
    return {one.user_id for one in found} == {"_erased", "ben"} and not any(text in str(found) for text in BYTES)


async def until_gone(url: str) -> None:
    """Waits until Redis has forgotten the states that servers share for a moment."""

    async def is_gone() -> bool:
        return not await in_redis(url, BYTES)

    await waiting.until(is_gone)


async def test_an_erasure_is_begun_once_and_has_a_receipt(accounts: Accounts, database: Database) -> None:
    caller = await accounts.caller(scopes=ADMIN)
    await caller.track_all(events_of_ann())
    assert (await users(caller))[ANN] == [6, 3]
    await lines(caller)
    begun = (await ask(caller, "EraseUser", user_id=ANN, request_id="ticket-1")).erasure
    same = (await ask(caller, "EraseUser", user_id=ANN, request_id="ticket-2")).erasure
    assert same == begun
    assert not begun.HasField("receipt")
    done = await erase(database, caller)
    assert done.request_id == "ticket-1"
    assert len(done.receipt.signature) == len(done.receipt.user_digest) == 64
    assert {one.table: one.rows for one in done.receipt.rows}["events"] == 6
    assert [one.endswith(f"by the API key {caller.key.key_id}") for one in done.receipt.exports_to_delete] == [True]
    async with database.snapshot(of=EVERY) as driver:
        found = await audit_trail.page(driver, caller.organization_id, Chosen(actions="user."), before=None, size=10)
    assert [one.action for one in found.entries] == ["user.erased", "user.erasure_begun", "user.exported"]
    assert {one.subject for one in found.entries} == {done.receipt.user_digest}
    assert (await ask(caller, "EraseUser", user_id=ANN)).erasure == done
    assert (await ask(caller, "GetErasure", erasure_id=done.erasure_id)).erasure == done
    rows = await users(caller)
    assert rows["_erased"] == [6, 3]
    assert ANN not in rows
    directory = directory_service_pb2_grpc.DirectoryServiceStub(caller.channel)
    request = conversation_pb2.GetConversationRequest(conversation_id="c-2")
    shown = str(await directory.GetConversation(request, metadata=caller.metadata, timeout=20))
    assert ANN not in shown
    assert SHOWN in shown
    assert await lines(caller) == [{"kind": "counts", **dict.fromkeys(KINDS, 0)}]


async def test_later_events_are_refused_where_the_organization_wants_it(accounts: Accounts, database: Database) -> None:
    caller = await accounts.caller(scopes=ADMIN, settings=OrganizationSettings(erased_user_events="refuse"))
    await erase(database, caller)
    error = await refused(caller.track(serving.event(user_id=ANN)))
    assert serving.refusal(error)[:3] == ("FAILED_PRECONDITION", "USER_ERASED", "user_id")
    both = await caller.track_all([serving.event(user_id=ANN), serving.event(user_id="ben")])
    assert [one.status for one in both.results] == [
        event_service_pb2.EVENT_STATUS_REJECTED,
        event_service_pb2.EVENT_STATUS_ACCEPTED,
    ]


async def test_an_export_holds_all_that_is_kept(accounts: Accounts) -> None:
    caller = await accounts.caller(scopes=ADMIN, settings=OrganizationSettings(keep_user_details=True))
    sent = events_of_ann()
    await caller.track_all(sent)
    found = await lines(caller)
    kinds = [one["kind"] for one in found]
    assert found[-1] == {
        "kind": "counts",
        **{kind: kinds.count(kind) for kind in KINDS},
    }
    assert {one["event_id"] for one in found if one["kind"] == "activity"} == {one.event_id for one in sent[:-1]}
    (profile,) = [one for one in found if one["kind"] == "profile"]
    assert profile["name"] == NAME
    (lead,) = [one for one in found if one["kind"] == "lead"]
    assert (lead["lead_id"], lead["value_micros"]) == ("lead-1", 5_000_000)
    (gap,) = [one for one in found if one["kind"] == "content_gap"]
    assert gap["question"] == QUESTION
    assert sum(one["events"] for one in found if one["kind"] == "day") == 6
    assert {"user_id": "ben"}.items() <= (await lines(caller, "ben"))[0].items()


async def test_addresses_are_found_by_what_is_stored_of_them(accounts: Accounts, database: Database) -> None:
    caller = await accounts.caller(scopes=ADMIN)
    await caller.track(serving.event(user_id="Ann Lee <ann@example.org>"))
    assert (await lines(caller, "ann@example.org"))[-1]["activity"] == 1
    await erase(database, caller, "ANN@example.org")
    assert (await lines(caller, "ann@example.org"))[-1]["activity"] == 0


async def test_others_learn_nothing(accounts: Accounts, database: Database) -> None:
    mine, theirs = [await accounts.caller(scopes=ADMIN) for _ in range(2)]
    for one in (mine, theirs):
        await one.track_all(events_of_ann())
    done = await erase(database, mine)
    answers = [
        serving.refusal(await refused(ask(theirs, "GetErasure", erasure_id=erasure_id)))
        for erasure_id in (done.erasure_id, own.new_id())
    ]
    assert answers[0] == answers[1]
    assert answers[0][:2] == ("NOT_FOUND", "ERASURE_NOT_FOUND")
    assert (await users(theirs))[ANN] == [6, 3]
    assert (await lines(theirs))[-1]["activity"] == 6
    unlike = await erase(database, theirs)
    assert (unlike.erasure_id, unlike.receipt.user_digest) != (done.erasure_id, done.receipt.user_digest)


@pytest.mark.parametrize("scopes", [(Scope.READ, Scope.EVENTS), (Scope.INGEST,)])
async def test_admins_alone_may(accounts: Accounts, scopes: Collection[Scope]) -> None:
    caller = await accounts.caller(scopes=scopes)
    for rpc, fields in (("EraseUser", {"user_id": ANN}), ("GetErasure", {"erasure_id": own.new_id()})):
        error = await refused(ask(caller, rpc, **fields))
        assert error.code() is grpc.StatusCode.PERMISSION_DENIED
    with pytest.raises(grpc.aio.AioRpcError) as ended:
        await lines(caller)
    assert ended.value.code() is grpc.StatusCode.PERMISSION_DENIED
