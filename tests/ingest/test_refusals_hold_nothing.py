"""What a call has brought is gone with the call: nothing of it waits for the garbage collector."""

import asyncio
import gc
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

import grpc
import pytest
from google.protobuf.message import Message

from server.errors import Refused
from server.organizations.settings import OrganizationSettings
from server.rpc import gate
from tallywire.v1 import event_service_pb2, metrics_service_pb2, realtime_service_pb2
from tests.support import holding, serving
from tests.support.bad_inputs import outcome
from tests.support.serving import Accounts, Caller, event

_CALLS = 5
_STREAM_EVENTS = "/tallywire.v1.EventService/StreamEvents"
_WATCH_UPDATES = "/tallywire.v1.RealtimeService/WatchUpdates"
_TRENDS = "/tallywire.v1.MetricsService/GetUsageTrends"

Send = Callable[[Caller], Awaitable[object]]


@pytest.fixture
async def without_collector() -> AsyncIterator[None]:
    """The garbage collector does not run by itself."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def _held() -> Counter[str]:
    """What there is of calls, by type: requests, as bytes and as messages, and refusals."""
    kinds = (gate._Raw, Refused, Message, grpc.aio.AbortError)
    # By type(): isinstance() asks an object for its __class__, and lazy objects of libraries set themselves up
    # to answer.
    return Counter(kind.__name__ for kind in map(type, gc.get_objects()) if issubclass(kind, kinds))


async def _too_many_events(caller: Caller) -> object:
    batch = event_service_pb2.TrackEventsRequest(events=[event() for _ in range(1001)])
    return await caller.raw(serving.TRACK_EVENTS, batch.SerializeToString())


async def _no_message(caller: Caller) -> object:
    return await caller.raw(serving.TRACK_EVENTS, b"\x0a\xff\xff")


async def _nobody(caller: Caller) -> object:
    return await caller.raw(serving.TRACK_EVENTS, serving.body(), metadata=())


async def _over_the_rate(caller: Caller) -> object:
    return await caller.raw(serving.TRACK_EVENT, serving.body())


async def _bad_question(caller: Caller) -> object:
    request = metrics_service_pb2.GetUsageTrendsRequest(time_range=serving.today(), metrics=["none"] * 10)
    return await caller.raw(_TRENDS, request.SerializeToString())


async def _bad_subscription(caller: Caller) -> object:
    request = realtime_service_pb2.WatchUpdatesRequest(resume_after="none")
    call = caller.channel.unary_stream(_WATCH_UPDATES)(request.SerializeToString(), metadata=caller.metadata)
    return await call.read()


async def _gap(caller: Caller) -> object:
    call = caller.channel.stream_stream(_STREAM_EVENTS)(metadata=caller.metadata, timeout=20)
    for sequence in (1, 7):
        await call.write(serving.batch(sequence, [event()]).SerializeToString())
    while await call.read() is not grpc.aio.EOF:
        pass
    return await call.code()


async def _given_up(caller: Caller) -> object:
    call = caller.channel.unary_unary(serving.TRACK_EVENT)(serving.body(), metadata=caller.metadata, timeout=0.1)
    return await call


@pytest.mark.parametrize(
    ("send", "answer"),
    [
        (_too_many_events, "INVALID_ARGUMENT TOO_MANY_EVENTS events"),
        (_no_message, "INVALID_ARGUMENT MALFORMED_MESSAGE"),
        (_nobody, "UNAUTHENTICATED CREDENTIALS_MISSING"),
        (_over_the_rate, "RESOURCE_EXHAUSTED+RetryInfo EVENT_RATE"),
        (_bad_question, "INVALID_ARGUMENT UNKNOWN_METRIC metrics"),
        (_bad_subscription, "INVALID_ARGUMENT RESUME_TOKEN_INVALID resume_after"),
        (_gap, "INVALID_ARGUMENT SEQUENCE_GAP batch.sequence"),
        (_given_up, "DEADLINE_EXCEEDED"),
    ],
)
@pytest.mark.usefixtures("without_collector")
async def test_a_call_that_fails_leaves_nothing_in_memory(
    accounts: Accounts, send: Send, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited = OrganizationSettings(time_zone="UTC", events_per_second=1, burst_events=1)
    caller = await accounts.caller(settings=limited) if send is _over_the_rate else await accounts.caller()
    if send is _over_the_rate:
        await caller.track_all([event() for _ in range(60)])
    if send is _given_up:
        holding.committing_slowly(monkeypatch)
    await outcome(send(caller))  # whatever is made once and kept is made by this one
    await asyncio.sleep(0.1)
    before = _held()
    assert {await outcome(send(caller)) for _ in range(_CALLS)} == {answer}
    left: Counter[str] = Counter()
    for _ in range(100):
        left = _held() - before
        if max(left.values(), default=0) < _CALLS:
            return
        await asyncio.sleep(0.1)  # the server's side of a call may end after the client's
    raise AssertionError(f"{_CALLS} calls have left {dict(left)}")
