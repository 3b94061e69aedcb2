"""Rows about subscriptions, as far as one call shows them; the others stand in tests/realtime."""

import base64
from typing import Any

import grpc
from google.protobuf import duration_pb2

from server.realtime.resume_tokens import SubscriptionScope, Tokens
from server.realtime.view import ViewFilter
from tallywire.v1 import realtime_service_pb2, realtime_service_pb2_grpc
from tests.support import serving
from tests.support.bad_inputs import World, outcome, row
from tests.support.serving import Caller

INVALID = "INVALID_ARGUMENT RESUME_TOKEN_INVALID resume_after"


async def _first(caller: Caller, rpc: str, request: Any) -> Any:
    """The first message of a subscription, which is then given up."""
    stub = realtime_service_pb2_grpc.RealtimeServiceStub(caller.channel)
    call = getattr(stub, rpc)(request, metadata=caller.metadata, timeout=10)
    try:
        return await call.read()
    finally:
        call.cancel()


async def _updates(caller: Caller, **request: Any) -> realtime_service_pb2.WatchUpdatesResponse:
    answer = await _first(caller, "WatchUpdates", realtime_service_pb2.WatchUpdatesRequest(**request))
    assert isinstance(answer, realtime_service_pb2.WatchUpdatesResponse)
    return answer


async def _metrics(caller: Caller, **request: Any) -> realtime_service_pb2.WatchMetricsResponse:
    answer = await _first(caller, "WatchMetrics", realtime_service_pb2.WatchMetricsRequest(**request))
    assert isinstance(answer, realtime_service_pb2.WatchMetricsResponse)
    return answer


@row("S-043", "OK", keeps=1)
async def _(world: World) -> str:
    answer = await world.caller.track(serving.event())
    first = await _updates(world.caller, resume_after="")
    assert (first.bookmark, first.revision) == (True, answer.revision)
    return await outcome(_updates(world.caller, resume_after=first.resume_token))


@row("S-044", INVALID)
async def _(world: World) -> str:
    for text in ("\u00e9", "====", "a", base64.urlsafe_b64encode(bytes(24)).decode()):
        assert await outcome(_updates(world.caller, resume_after=text)) == INVALID
    return await outcome(_updates(world.caller, resume_after="random bytes"))


@row("S-045", INVALID)
async def _(world: World) -> str:
    token = (await _updates(world.caller)).resume_token
    assert {await outcome(_updates(world.caller, resume_after=token[:length])) for length in (1, 11, 30)} == {INVALID}
    return await outcome(_updates(world.caller, resume_after=token[:-1]))


@row(
    "S-047", "INVALID_ARGUMENT REQUEST_TOO_LARGE", because="no request but one that sends events is longer than 64 KiB"
)
async def _(world: World) -> str:
    return await outcome(_updates(world.caller, resume_after="a" * 1_000_000))


@row("S-051", "OUT_OF_RANGE FUTURE_REVISION resume_after")
async def _(world: World) -> str:
    mine = SubscriptionScope(organization_id=world.caller.organization_id, part=ViewFilter(), include_events=False)
    tokens = Tokens(world.accounts.secrets, mine)
    tokens.epoch = (await world.caller.overview(serving.today())).context.epoch
    token = tokens.after(7)
    return await outcome(_updates(world.caller, resume_after=token))


@row("S-063", "INVALID_ARGUMENT TOO_MANY_FILTERS filter")
async def _(world: World) -> str:
    many = realtime_service_pb2.RealtimeFilter(agent_ids=[f"a{number}" for number in range(101)])
    error = await outcome(_metrics(world.caller, filter=many))
    assert await outcome(_updates(world.caller, filter=many)) == error
    return error


@row("S-064", "OK")
async def _(world: World) -> str:
    return await outcome(_metrics(world.caller, min_interval=duration_pb2.Duration()))


@row("S-065", "INVALID_ARGUMENT INTERVAL_OUT_OF_RANGE min_interval", because="one reason for both ends")
async def _(world: World) -> str:
    answers = {
        await outcome(_metrics(world.caller, min_interval=interval))
        for interval in (duration_pb2.Duration(nanos=1_000_000), duration_pb2.Duration(seconds=61))
    }
    (answer,) = answers
    return answer


@row("S-072", "RESOURCE_EXHAUSTED+RetryInfo SUBSCRIPTION_LIMIT")
async def _(world: World) -> str:
    # The third for the 1,001st.
    async with (
        serving.running(world.settings, max_subscriptions=2) as server,
        grpc.aio.insecure_channel(server.address) as channel,
    ):
        stub = realtime_service_pb2_grpc.RealtimeServiceStub(channel)
        request = realtime_service_pb2.WatchUpdatesRequest()
        calls = [stub.WatchUpdates(request, metadata=one.metadata) for one in (world.caller, world.other)]
        for call in calls:
            await call.read()
        answer = await outcome(_updates(serving.through(world.caller, channel)))
        for call in calls:
            call.cancel()
        return answer


@row("I-085", INVALID)
async def _(world: World) -> str:
    theirs = (await _updates(world.other)).resume_token
    assert await outcome(_updates(world.other, resume_after=theirs)) == "OK"
    return await outcome(_updates(world.caller, resume_after=theirs))
