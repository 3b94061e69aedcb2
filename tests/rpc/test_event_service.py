"""EventService on a real socket: what is acknowledged is stored and counted, exactly once, and nothing else is."""

import asyncio
from datetime import timedelta
from typing import Any

import grpc
import pytest
import serving
from google.protobuf import struct_pb2
from prometheus_client import REGISTRY
from serving import Accounts, Caller, batch, event, header, read_ack, refused, rest, statuses

from agentmetrics.v1 import event_pb2, event_service_pb2
from server import errors, events
from server.rpc.event_service import MAX_UNACKED_BATCHES, EventService
from server.serve import Running
from server.settings import Settings
from server.store import events as stored_events
from server.store import organizations, rollups
from server.store.database import Database


async def count(caller: Caller) -> int:
    """How many events are counted."""
    return (await caller.overview(serving.today())).overview.events


async def detail(database: Database, caller: Caller) -> list[str | None]:
    """The details of the stored events, in the order in which they occurred."""
    return await serving.column(database, caller, "detail::text")


# Results


async def test_results_are_as_many_as_the_events_and_in_their_order(caller: Caller) -> None:
    sent = [event(), event("Bad"), event(event_id=""), event(event_id="0"), event()]
    answer = await caller.track_all(sent)
    assert statuses(answer.results) == ["ACCEPTED", "INVALID_EVENT_TYPE", "ACCEPTED", "PLACEHOLDER_ID", "ACCEPTED"]
    told = [one.event_id for one in answer.results]
    assert [told[0], told[1], told[3], told[4]] == [one.event_id for one in sent if one.event_id]
    assert len(told[2]) == 36
    assert await count(caller) == 3


async def test_the_server_makes_an_id_for_an_event_without_one_and_counts_it_each_time(caller: Caller) -> None:
    without = event(event_id="")
    ids = {(await caller.track(without)).result.event_id for _ in range(2)}
    assert len(ids) == 2
    assert all(one[14] == "7" for one in ids)
    assert await count(caller) == 2


async def test_within_a_batch_the_first_of_equal_ids_stands(caller: Caller) -> None:
    first, other = event("a.first", event_id="id"), event("a.second", event_id="id")
    assert statuses((await caller.track_all([first, first, other])).results) == [
        "ACCEPTED",
        "DUPLICATE",
        "EVENT_ID_CONFLICT",
    ]
    assert await count(caller) == 1


async def test_across_calls_the_first_of_equal_ids_stands(caller: Caller) -> None:
    first, other = event("a.first", event_id="id"), event("a.second", event_id="id")
    await caller.track(first)
    answer = await caller.track_all([other, first, event()])
    assert statuses(answer.results) == ["EVENT_ID_CONFLICT", "DUPLICATE", "ACCEPTED"]
    assert await count(caller) == 2


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("occurred_at", lambda one: one.occurred_at.FromMicroseconds(one.occurred_at.ToMicroseconds() + 1000)),
        ("agent_id", lambda one: setattr(one, "agent_id", "b")),
        ("detail", lambda one: setattr(one.message, "prompt_tokens", 4)),
        ("unset detail", lambda one: one.message.ClearField("prompt_tokens")),
        ("properties", lambda one: one.properties.update({"b": 2})),
    ],
)
async def test_the_same_id_with_other_content_is_a_conflict(caller: Caller, name: str, change: Any) -> None:
    one = event(agent_id="a", message=event_pb2.MessageDetail(prompt_tokens=3))
    one.properties.update({"a": 1})
    await caller.track(one)
    change(one)
    error = await refused(caller.track(one))
    assert serving.refusal(error)[:2] == ("ALREADY_EXISTS", "EVENT_ID_CONFLICT")
    assert await count(caller) == 1


async def test_properties_in_another_order_are_the_same_content(caller: Caller) -> None:
    forward, backward = (
        struct_pb2.Struct(fields={name: struct_pb2.Value(string_value=name) for name in names})
        for names in ("abcdef", "fedcba")
    )
    at = serving.now()
    first = event(event_id="id", at=at, properties=forward)
    second = event(event_id="id", at=at, properties=backward)
    assert statuses([(await caller.track(first)).result]) == ["ACCEPTED"]
    assert statuses([(await caller.track(second)).result]) == ["DUPLICATE"]


@pytest.mark.parametrize("event_id", ["0193f2a0-7c1e-7abc-8def-0123456789ab", "order/17", "A", "~" * 128])
async def test_an_id_of_any_kind_comes_back_as_it_was_sent(caller: Caller, database: Database, event_id: str) -> None:
    assert (await caller.track(event(event_id=event_id))).result.event_id == event_id
    (kept,) = await serving.column(database, caller, "event_id")
    (key,) = await serving.column(database, caller, "event_key")
    assert (kept or events.id_of(key)) == event_id


async def test_a_batch_of_1000_is_taken_and_one_of_1001_is_not(caller: Caller) -> None:
    sent = [event() for _ in range(1001)]
    error = await refused(caller.track_all(sent))
    assert serving.refusal(error) == ("INVALID_ARGUMENT", "TOO_MANY_EVENTS", "events", False)
    assert serving.info(error)["limit"] == "1000"
    assert await count(caller) == 0
    assert statuses((await caller.track_all(sent[:1000])).results) == ["ACCEPTED"] * 1000


# Revisions


async def test_an_answer_holds_what_was_acknowledged_before_it_was_asked_for(caller: Caller) -> None:
    revisions = []
    for number in range(1, 6):
        answer = await caller.track(event())
        overview = await caller.overview(serving.today())
        assert overview.context.as_of_revision >= answer.revision
        assert overview.overview.events == number
        revisions.append(answer.revision)
    assert revisions == [1, 2, 3, 4, 5]


async def test_what_stores_nothing_has_no_revision(caller: Caller) -> None:
    one = event()
    await caller.track(one)
    assert (await caller.track(one)).revision == 0
    assert (await caller.track_all([one, event("Bad")])).revision == 0
    assert (await caller.track_all([one, event()])).revision == 2


async def test_concurrent_calls_on_one_organization_read_their_own_writes(caller: Caller) -> None:
    async def write_and_read() -> None:
        written = await caller.track(event())
        answer = await caller.overview(serving.today())
        assert answer.context.as_of_revision >= written.revision > 0

    await asyncio.gather(*(write_and_read() for _ in range(30)))
    assert await count(caller) == 30


# Coalescing


def transactions() -> float:
    return REGISTRY.get_sample_value("agentmetrics_batch_events_count") or 0


async def test_concurrent_calls_share_transactions(caller: Caller) -> None:
    before = transactions()
    answers = await asyncio.gather(*(caller.track(event()) for _ in range(80)))
    assert transactions() - before < 40
    assert await count(caller) == 80
    assert {one.revision for one in answers} == set(range(1, int(transactions() - before) + 1))


async def test_concurrent_sendings_of_one_event_are_one_acceptance(caller: Caller) -> None:
    one = event()
    answers = await asyncio.gather(*(caller.track(one) for _ in range(30)))
    assert sorted(statuses(answer.result for answer in answers)) == ["ACCEPTED"] + ["DUPLICATE"] * 29
    assert await count(caller) == 1


async def test_concurrent_contents_under_one_id_are_one_acceptance(caller: Caller) -> None:
    answers = await asyncio.gather(*(caller.track_all([event(f"a.b{n}", event_id="id")]) for n in range(20)))
    found = sorted(statuses(answer.results[0] for answer in answers))
    assert found == ["ACCEPTED"] + ["EVENT_ID_CONFLICT"] * 19
    assert await count(caller) == 1


@pytest.fixture
def poison(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database refuses events of the type poison.pill, as it would a value that nobody thought of."""
    append = stored_events.append

    async def refuse(driver: Any, organization_id: int, revision: Any, some: Any) -> None:
        if any(one.event_type == "poison.pill" for one in some):
            raise errors.StorageRejected("database error 22P05")
        await append(driver, organization_id, revision, some)

    monkeypatch.setattr(stored_events, "append", refuse)


@pytest.mark.usefixtures("poison")
async def test_an_event_that_the_database_refuses_cannot_fail_its_neighbours(caller: Caller) -> None:
    sent = [event() for _ in range(20)]
    sent[13].event_type = sent[4].event_type = "poison.pill"
    answer = await caller.track_all(sent)
    assert [place for place, one in enumerate(statuses(answer.results)) if one == "INVALID_VALUE"] == [4, 13]
    assert statuses(answer.results).count("ACCEPTED") == 18
    assert answer.revision == (await caller.overview(serving.today())).context.as_of_revision
    assert await count(caller) == 18


@pytest.mark.usefixtures("poison")
async def test_an_event_that_the_database_refuses_cannot_fail_the_calls_beside_it(caller: Caller) -> None:
    calls = [caller.track(event("poison.pill" if number == 7 else "a.good")) for number in range(20)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    (error,) = (one for one in answers if isinstance(one, grpc.aio.AioRpcError))
    assert serving.refusal(error)[:2] == ("INVALID_ARGUMENT", "INVALID_VALUE")
    assert "22P05" not in str(error.details())
    assert await count(caller) == 19


@pytest.mark.usefixtures("poison")
async def test_a_refused_event_leaves_nothing_behind(caller: Caller, database: Database) -> None:
    await refused(caller.track(event("poison.pill", agent_id="a")))
    assert await serving.stored(database, caller) == []
    assert await count(caller) == 0


async def test_a_transaction_that_fails_in_passing_is_tried_again(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, failures = rollups.append, iter((True, True, False))

    async def deadlocked(*arguments: Any) -> None:
        if next(failures, False):
            raise errors.StorageUnavailable("database error 40P01")
        await append(*arguments)

    monkeypatch.setattr(rollups, "append", deadlocked)
    assert statuses((await caller.track_all([event(), event()])).results) == ["ACCEPTED"] * 2
    assert await count(caller) == 2


async def test_a_fault_says_nothing_of_itself(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("postgresql://user:secret@host")

    monkeypatch.setattr(rollups, "append", broken)
    error = await refused(caller.track(event()))
    assert serving.refusal(error) == ("INTERNAL", "INTERNAL", "", False)
    assert "secret" not in repr(error)
    monkeypatch.undo()
    assert await count(caller) == 0


async def test_a_cancelled_call_may_have_stored_and_counts_once_when_sent_again(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, committing = rollups.append, asyncio.Event()

    async def slowly(*arguments: Any) -> None:
        committing.set()
        await asyncio.sleep(0.2)
        await append(*arguments)

    monkeypatch.setattr(rollups, "append", slowly)
    sent = [event() for _ in range(10)]
    call = asyncio.create_task(caller.track_all(sent))
    await committing.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert statuses((await caller.track_all(sent)).results) == ["DUPLICATE"] * 10
    assert await count(caller) == 10


# Streams


async def test_a_stream_acknowledges_in_order_what_is_counted(caller: Caller) -> None:
    call = caller.stream()
    await call.write(header("orders"))
    sent = [[event(), event()] for _ in range(40)]
    for sequence, some in enumerate(sent, 1):
        await call.write(batch(sequence, some))
    await call.done_writing()
    acks = await rest(call)
    assert [ack.sequence for ack in acks] == list(range(1, 41))
    assert [[one.event_id for one in ack.results] for ack in acks] == [[one.event_id for one in some] for some in sent]
    assert {one for ack in acks for one in statuses(ack.results)} == {"ACCEPTED"}
    assert max(ack.revision for ack in acks) == (await caller.overview(serving.today())).context.as_of_revision
    assert dict(await call.trailing_metadata())["last-acked-sequence"] == "40"
    assert await count(caller) == 80


async def test_a_stream_without_a_header_or_without_anything_is_fine(caller: Caller) -> None:
    for requests in ([], [header()], [batch(3, [])]):
        call = caller.stream()
        for request in requests:
            await call.write(request)
        await call.done_writing()
        sequences = [one.batch.sequence for one in requests if one.batch.sequence]
        assert [ack.sequence for ack in await rest(call)] == sequences


async def ended(caller: Caller, *requests: Any) -> tuple[serving.Refusal, int, dict[str, str]]:
    """How a stream ends, the number of the last acknowledged batch, and the error's metadata."""
    call = caller.stream()
    for one in requests:
        await call.write(one)
    error = await refused(rest(call))
    return serving.refusal(error), serving.last_acked(error), serving.info(error)


@pytest.mark.parametrize(
    ("after", "reason", "field"),
    [
        (lambda: batch(4, [event()]), "SEQUENCE_GAP", "batch.sequence"),
        (lambda: batch(0, [event()]), "REQUIRED_FIELD", "batch.sequence"),
        (lambda: batch(-1, [event()]), "REQUIRED_FIELD", "batch.sequence"),
        (header, "STREAM_HEADER_DUPLICATE", "header"),
        (event_service_pb2.StreamEventsRequest, "REQUIRED_FIELD", "message"),
        (lambda: batch(3, [event()] * 1001), "TOO_MANY_EVENTS", "events"),
    ],
    ids=["gap", "zero", "negative", "second header", "empty message", "too many"],
)
async def test_a_stream_that_errs_acknowledges_first_what_came_before(
    caller: Caller, after: Any, reason: str, field: str
) -> None:
    refusal, last, metadata = await ended(caller, header(), batch(1, [event()]), batch(2, [event()]), after())
    assert refusal == ("INVALID_ARGUMENT", reason, field, False)
    assert last == 2
    assert metadata.get("expected") == ("3" if reason == "SEQUENCE_GAP" else None)
    assert await count(caller) == 2


async def test_a_repeated_batch_is_a_repetition_and_the_sequence_goes_on(caller: Caller) -> None:
    first, second = batch(1, [event()]), batch(2, [event()])
    call = caller.stream()
    for one in (first, second, first, second, batch(3, [event()])):
        await call.write(one)
    await call.done_writing()
    acks = await rest(call)
    assert [(ack.sequence, *statuses(ack.results)) for ack in acks] == [
        (1, "ACCEPTED"),
        (2, "ACCEPTED"),
        (1, "DUPLICATE"),
        (2, "DUPLICATE"),
        (3, "ACCEPTED"),
    ]
    assert await count(caller) == 3


async def test_a_client_that_is_gone_leaves_no_stream_behind(caller: Caller, server: Running) -> None:
    tasks = len(asyncio.all_tasks())
    for _ in range(25):  # more than an organization may have at once
        call = caller.stream()
        await call.write(batch(1, [event()]))
        await read_ack(call)
        call.cancel()
        await serving.eventually(lambda: not server._services.events._streams[caller.organization_id])
    await serving.eventually(lambda: len(asyncio.all_tasks()) <= tasks)
    assert await count(caller) == 25


async def test_a_stream_that_is_cancelled_during_a_commit_has_stored_and_counts_once(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, committing = rollups.append, asyncio.Event()

    async def slowly(*arguments: Any) -> None:
        committing.set()
        await asyncio.sleep(0.2)
        await append(*arguments)

    monkeypatch.setattr(rollups, "append", slowly)
    sent = [event() for _ in range(3)]
    call = caller.stream()
    await call.write(batch(1, sent))
    await committing.wait()
    call.cancel()
    assert statuses((await caller.track_all(sent)).results) == ["DUPLICATE"] * 3
    assert await count(caller) == 3


async def test_a_stream_takes_in_no_more_than_it_may_leave_unacknowledged(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, go_on, taken = EventService._store, asyncio.Event(), 0

    async def held(self: EventService, *arguments: Any) -> Any:
        nonlocal taken
        taken += 1
        await go_on.wait()
        return await store(self, *arguments)

    monkeypatch.setattr(EventService, "_store", held)
    call = caller.stream()

    async def write() -> None:
        for sequence in range(1, 61):
            await call.write(batch(sequence, [event()]))
        await call.done_writing()

    writing = asyncio.create_task(write())
    await asyncio.sleep(0.3)
    assert taken == MAX_UNACKED_BATCHES
    go_on.set()
    assert len(await rest(call)) == 60
    await writing
    assert await count(caller) == 60


async def test_a_client_that_reads_nothing_is_told_so_once_it_reads(
    caller: Caller, server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server._services.events, "_ack_seconds", 0.3)
    bad = [event("Bad", event_id=f"{number:0128}") for number in range(1000)]
    options = (("grpc.http2.bdp_probe", 0), ("grpc.use_local_subchannel_pool", 1))
    async with grpc.aio.insecure_channel(server.address, options=options) as channel:
        call = serving.through(caller, channel).stream()
        for sequence in range(1, MAX_UNACKED_BATCHES + 9):
            await call.write(batch(sequence, bad))
        await asyncio.sleep(0.8)
        refusal = serving.refusal(error := await refused(rest(call)))
    assert refusal == ("RESOURCE_EXHAUSTED", "ACK_BACKLOG", "", False)
    assert 0 < serving.last_acked(error) < MAX_UNACKED_BATCHES


async def test_a_draining_server_acknowledges_what_it_has_and_sends_the_streams_away(
    caller: Caller, settings: Settings
) -> None:
    async with serving.running(settings) as server, grpc.aio.insecure_channel(server.address) as channel:
        here = serving.through(caller, channel)
        call = here.stream()
        for sequence in (1, 2, 3):
            await call.write(batch(sequence, [event()]))
        assert (await read_ack(call)).sequence == 1
        server._services.events.drain()
        error = await refused(rest(call))
        assert serving.refusal(error) == ("UNAVAILABLE", "DRAINING", "", True)
        assert serving.last_acked(error) == await count(here)
        again = await refused(rest(here.stream()))
        assert serving.refusal(again)[:2] == ("UNAVAILABLE", "DRAINING")


async def test_streams_of_one_organization_are_limited_and_those_of_others_are_not(
    accounts: Accounts, caller: Caller, other: Caller, settings: Settings
) -> None:
    async with (
        serving.running(settings, max_streams_per_organization=2) as server,
        grpc.aio.insecure_channel(server.address) as channel,
    ):
        here, there = serving.through(caller, channel), serving.through(other, channel)
        open_ones = []
        for sender in (here, here, there):
            call = sender.stream()
            await call.write(batch(1, [event()]))
            await read_ack(call)
            open_ones.append(call)
        error = await refused(rest(here.stream()))
        assert serving.refusal(error) == ("RESOURCE_EXHAUSTED", "STREAM_LIMIT", "", True)
        assert serving.info(error) == {"limit": "2"}
        await open_ones[0].done_writing()
        assert await rest(open_ones[0]) == []
        call = here.stream()
        await call.write(batch(1, [event()]))
        assert (await read_ack(call)).sequence == 1
        for one in (*open_ones, call):
            one.cancel()


# Tenancy


async def test_organizations_do_not_see_each_other(caller: Caller, other: Caller) -> None:
    ours = event(event_id="same", agent_id="bot", user_id="u1", channel="web", conversation_id="c")
    theirs = event("conversation.started", event_id="same", agent_id="bot", user_id="u2", conversation_id="c")
    first, second = await caller.track(ours), await other.track(theirs)
    assert statuses([first.result, second.result]) == ["ACCEPTED", "ACCEPTED"]
    assert (first.revision, second.revision) == (1, 1)
    agents = [(await one.agent("bot", serving.today())).agent for one in (caller, other)]
    assert [(one.message_count, one.conversation_count) for one in agents] == [(1, 0), (0, 1)]
    overviews = [(await one.overview(serving.today())).overview for one in (caller, other)]
    assert [(one.events, one.messages_sent, one.total_conversations) for one in overviews] == [(1, 1, 0), (1, 0, 1)]
    assert [[one.event_type for one in overview.events_by_type] for overview in overviews] == [
        ["message.sent"],
        ["conversation.started"],
    ]


# Clocks


@pytest.mark.parametrize(
    ("clock", "moved"),
    [
        (timedelta(0), False),
        (timedelta(minutes=4), False),
        (timedelta(minutes=-4), False),
        (timedelta(minutes=20), True),
        (timedelta(days=-3), True),
        (timedelta(days=40), True),
    ],
)
async def test_a_clock_that_is_far_off_is_corrected(
    caller: Caller, database: Database, clock: timedelta, moved: bool
) -> None:
    true = serving.now() - timedelta(minutes=10)
    answer = await caller.track(event(at=true + clock), sent_at=serving.now() + clock)
    assert serving.warnings(answer.result) == (["CLOCK_CORRECTED"] if moved else [])
    (kept,) = await serving.column(database, caller, "occurred_at")
    expected = true if moved else true + clock
    assert abs(kept - expected) < timedelta(seconds=5)


async def test_an_event_sent_again_with_another_clock_error_is_a_duplicate(caller: Caller) -> None:
    one = event(at=serving.now() - timedelta(hours=2))
    await caller.track(one, sent_at=serving.now() - timedelta(hours=1))
    assert statuses([(await caller.track(one, sent_at=serving.now())).result]) == ["DUPLICATE"]
    assert await count(caller) == 1


async def test_without_backfill_events_are_at_most_35_days_old(accounts: Accounts, caller: Caller) -> None:
    plain = await accounts.another(caller, scopes=[serving.Scope.INGEST])
    old = event(at=serving.now() - timedelta(days=35, minutes=1))
    assert serving.refusal(error := await refused(plain.track(old)))[:2] == ("OUT_OF_RANGE", "EVENT_TOO_OLD")
    assert serving.info(error)["earliest"].endswith("Z")
    await plain.track(event(at=serving.now() - timedelta(days=34, hours=23)))
    await caller.track(old)
    await caller.track(event(at="2000-01-01"))


# Privacy


async def everything(database: Database, caller: Caller) -> str:
    """All that the database holds of an organization, as text."""
    found = []
    async with database.maintenance() as driver:
        tables = await driver.fetch(
            "SELECT table_name FROM information_schema.columns"
            " WHERE column_name = 'organization_id' AND table_schema = current_schema()"
        )
        for (table,) in tables:
            rows = await driver.fetch(
                f"SELECT t::text FROM {table} t WHERE organization_id = $1", caller.organization_id
            )
            found += [row[0] for row in rows]
    return "\n".join(found)


async def test_an_email_address_is_one_user_and_nowhere_in_clear(caller: Caller, database: Database) -> None:
    for address in ("Jo.Doe@Example.org", "jo.doe@example.org", "jo.doe@example.ORG"):
        await caller.track(event(user_id=address))
    await caller.track(event(user_id="someone@example.org"))
    assert (await caller.overview(serving.today())).overview.unique_users == 2
    kept = (await everything(database, caller)).casefold()
    assert "email-" in kept
    assert "example" not in kept
    assert "doe" not in kept


async def test_the_same_address_is_another_hash_in_another_organization(
    caller: Caller, other: Caller, database: Database
) -> None:
    hashes = set()
    for one in (caller, other):
        await one.track(event(user_id="jo@example.org"))
        hashes |= set(await serving.column(database, one, "user_id"))
    assert len(hashes) == 2


async def test_an_id_that_is_no_address_is_kept(caller: Caller, database: Database) -> None:
    await caller.track(event(user_id="user@home"))
    assert await serving.column(database, caller, "user_id") == ["user@home"]


@pytest.mark.parametrize("kept", [True, False])
async def test_user_details_are_kept_only_where_that_is_allowed(
    accounts: Accounts, database: Database, kept: bool
) -> None:
    settings = organizations.Settings(time_zone="UTC", keep_user_details=kept)
    caller = await accounts.caller(settings=settings)
    one = event("user.logged_in", user_id="u", user=event_pb2.UserDetail(ip="203.0.113.9", user_agent="Browser/1"))
    await caller.track(one)
    assert statuses([(await caller.track(one)).result]) == ["DUPLICATE"]
    assert ("203.0.113.9" in await everything(database, caller)) == kept
    assert ("Browser" in str(await detail(database, caller))) == kept


@pytest.mark.parametrize("key", ["password", "API-Key", "Authorization", "client_secret", "cardNumber", "set-cookie"])
async def test_secrets_in_properties_are_not_stored(caller: Caller, database: Database, key: str) -> None:
    one = event(properties=struct_pb2.Struct())
    one.properties.update({"list": [{key: "hunter2"}], key: {"inner": "hunter2"}, "note": "kept"})
    assert serving.warnings((await caller.track(one)).result) == ["REDACTED"]
    kept = await everything(database, caller)
    assert "hunter2" not in kept
    assert "kept" in kept
