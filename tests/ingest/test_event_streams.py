"""StreamEvents on a real socket: acknowledged in order, bounded in what it holds, and told where it ended."""

import asyncio
from typing import Any

import grpc
import pytest

from server.admission.admission import Admission
from server.app import Running
from server.errors import Reason, Refused
from server.ingest.pipeline import Ingest
from server.rpc.endings import StreamLimits
from server.rpc.event_service import MAX_UNACKED_BATCHES
from server.settings import Settings
from tallywire.v1 import event_service_pb2
from tests.support import holding, serving, waiting
from tests.support.serving import Accounts, Caller, batch, event, header, read_ack, refused, rest, statuses


async def count(caller: Caller) -> int:
    """How many events are counted."""
    return (await caller.overview(serving.today())).overview.events


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
        (lambda: batch(-1, [event()]), "VALUE_OUT_OF_RANGE", "batch.sequence"),
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
    assert refusal == (Reason[reason].status.name, reason, field, False)
    assert last == 2
    assert metadata.get("expected") == ("3" if reason == "SEQUENCE_GAP" else None)
    assert await count(caller) == 2


async def test_a_stream_that_is_not_let_in_says_that_it_came_nowhere(
    caller: Caller, server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.services.events, "max_streams", 0)
    refusal, last, _ = await ended(caller)
    assert (refusal.reason, last) == ("STREAM_LIMIT", 0)


async def test_a_stream_of_an_organization_at_its_rate_says_how_far_it_came(
    caller: Caller, server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def check(*_: object) -> None:
        raise Refused(Reason.EVENT_RATE, "too many events", retry_after=60)

    call = caller.stream()
    await call.write(batch(5, [event()]))
    await read_ack(call)
    monkeypatch.setattr(Admission, "check_events", check)
    await call.write(batch(6, [event()]))
    error = await refused(rest(call))
    assert (serving.refusal(error).reason, serving.last_acked(error)) == ("EVENT_RATE", 5)


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
        await waiting.until(lambda: not len(server.services.events.streams))
    await waiting.until(lambda: len(asyncio.all_tasks()) <= tasks)
    assert await count(caller) == 25


async def test_a_stream_that_is_cancelled_during_a_commit_has_stored_and_counts_once(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed = holding.committing_slowly(monkeypatch)
    sent = [event() for _ in range(3)]
    call = caller.stream()
    await call.write(batch(1, sent))
    await committed.wait()
    call.cancel()
    assert statuses((await caller.track_all(sent)).results) == ["DUPLICATE"] * 3
    assert await count(caller) == 3


async def test_a_stream_takes_in_no_more_than_it_may_leave_unacknowledged(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit, go_on, taken = Ingest.submit, asyncio.Event(), 0

    async def held(self: Ingest, *arguments: Any) -> Any:
        nonlocal taken
        taken += 1
        await go_on.wait()
        return await submit(self, *arguments)

    monkeypatch.setattr(Ingest, "submit", held)
    call = caller.stream()

    async def write() -> None:
        for sequence in range(1, 61):
            await call.write(batch(sequence, [event()]))
        await call.done_writing()

    writing = asyncio.create_task(write())
    await waiting.until(lambda: taken == MAX_UNACKED_BATCHES)
    # What comes after it on this connection has been taken in, so the next batch would have been, too.
    assert await count(caller) == 0
    assert taken == MAX_UNACKED_BATCHES
    go_on.set()
    assert len(await rest(call)) == 60
    await writing
    assert await count(caller) == 60


async def test_a_client_that_reads_nothing_is_reported_so_once_it_reads(
    caller: Caller, server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.services.events, "limits", StreamLimits(acknowledgement=0.3))
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
        server.services.events.drain()
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
