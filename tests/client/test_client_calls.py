"""Both clients against the scripted server: calls, errors, retries with the same ids."""

import asyncio
import pickle
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from concurrent import futures
from datetime import UTC, datetime

import grpc
import pytest
import scripted
from google.rpc import code_pb2
from scripted import Fail, Reject, Slow

import tallywire
from tallywire import _status, errors, retries
from tallywire.v1 import event_pb2, event_service_pb2, metrics_service_pb2, time_pb2
from tests.support.waiting import PATIENCE

START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
ACCEPTED = event_service_pb2.EVENT_STATUS_ACCEPTED
DUPLICATE = event_service_pb2.EVENT_STATUS_DUPLICATE
REJECTED = event_service_pb2.EVENT_STATUS_REJECTED


@pytest.fixture
async def aclient(running: scripted.Running) -> AsyncIterator[tallywire.AsyncClient]:
    async with tallywire.AsyncClient(running.address, api_key=scripted.KEY, timeout=10) as client:
        yield client


def test_track(client: tallywire.Client, script: scripted.Script) -> None:
    event = tallywire.event("message.sent", agent_id="a")
    assert client.track(event).status == ACCEPTED
    assert client.track(event).status == DUPLICATE
    assert script.stored[event.event_id] == event
    assert script.metadata[0]["authorization"] == f"Bearer {scripted.KEY}"
    assert script.metadata[0]["user-agent"].startswith("tallywire-python/")


def test_sent_at_is_this_clock_unless_reported_otherwise(running: scripted.Running, script: scripted.Script) -> None:
    for stamp in (True, False):
        with tallywire.Client(running.address, api_key="k", stamp_sent_at=stamp) as client:
            client.track(tallywire.event("a.b"))
            client.track_batch([tallywire.event("a.b")])
    assert [request.HasField("sent_at") for request in script.requests] == [True, True, False, False]
    sent = script.requests[0].sent_at.ToDatetime(tzinfo=UTC)
    assert abs((datetime.now(UTC) - sent).total_seconds()) < 10


@pytest.mark.parametrize(
    "step",
    [
        Fail(),
        Fail(store=True),
        Fail(retry_after=0.05),
        Fail(code=code_pb2.RESOURCE_EXHAUSTED, retry_after=0.05),
        Fail(code=code_pb2.DEADLINE_EXCEEDED),
        Fail(code=code_pb2.DEADLINE_EXCEEDED, store=True),
    ],
)
def test_retries_keep_the_id(client: tallywire.Client, script: scripted.Script, step: Fail) -> None:
    event = tallywire.event("message.sent")
    script.play(step, step)
    assert client.track(event).status == (DUPLICATE if step.store else ACCEPTED)
    assert script.ids() == [[event.event_id]] * 3


async def test_retries_keep_the_ids_of_a_batch(aclient: tallywire.AsyncClient, script: scripted.Script) -> None:
    event = tallywire.event("message.sent")
    bare = tallywire.event("message.sent")
    bare.event_id = ""
    script.play(Fail(store=True), Fail(code=code_pb2.RESOURCE_EXHAUSTED, retry_after=0.01), Fail(retry_after=0.01))
    results = await aclient.track_batch([event, bare])
    assert [result.status for result in results] == [DUPLICATE, DUPLICATE]
    assert len(script.requests) == 4
    assert all(ids == script.ids()[0] for ids in script.ids())
    assert script.ids()[0][0] == event.event_id


def test_retry_info_is_waited_for(client: tallywire.Client, script: scripted.Script) -> None:
    script.play(Fail(code=code_pb2.RESOURCE_EXHAUSTED, retry_after=0.4))
    begin = time.monotonic()
    client.overview(START, END)
    assert time.monotonic() - begin >= 0.4


def test_callers_that_were_refused_together_do_not_come_back_together() -> None:
    waits = []
    for _ in range(200):
        tries = retries.Attempts(timeout=60, policy=retries.INGEST)
        refusal = errors.ResourceExhausted("x", grpc.StatusCode.RESOURCE_EXHAUSTED, retry_after=10)
        waits.append(tries.next_wait(refusal) or 0)
    assert min(waits) >= 10
    assert max(waits) <= 12
    assert max(waits) - min(waits) > 1


async def test_pushback_is_waited_for(aclient: tallywire.AsyncClient, script: scripted.Script) -> None:
    script.play(Fail(bare=True, pushback="400"))
    begin = time.monotonic()
    await aclient.track(tallywire.event("a.b"))
    assert time.monotonic() - begin >= 0.4
    assert len(script.requests) == 2


@pytest.mark.parametrize("pushback", ["-1", "soon"])
async def test_a_server_that_asks_for_no_retry_gets_none(
    aclient: tallywire.AsyncClient, script: scripted.Script, pushback: str
) -> None:
    script.play(*[Fail(bare=True, pushback=pushback)] * 5)
    with pytest.raises(tallywire.Unavailable):
        await aclient.track(tallywire.event("a.b"))
    assert len(script.requests) == 1


def test_pushback_makes_nothing_else_worth_a_retry(client: tallywire.Client, script: scripted.Script) -> None:
    script.play(Fail(code=code_pb2.RESOURCE_EXHAUSTED, pushback="10"))
    with pytest.raises(tallywire.ResourceExhausted) as caught:
        client.track(tallywire.event("a.b"))
    assert caught.value.retry_after is None
    assert len(script.requests) == 1


async def test_a_stream_waits_as_long_as_it_is_asked_to(
    aclient: tallywire.AsyncClient, script: scripted.Script
) -> None:
    script.play(Fail(code=code_pb2.RESOURCE_EXHAUSTED, reason="EVENT_RATE", retry_after=0.4))
    begin, waited = time.monotonic(), []

    async def batches() -> AsyncIterator[list[event_pb2.Event]]:
        # There is nothing to write before the second connection: a write that meets the end hides what was asked for.
        while len(script.streams) < 2:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
        waited.append(time.monotonic() - begin)
        yield [tallywire.event("a.b")]

    acks = [ack async for ack in aclient.stream(batches())]
    assert waited[0] >= 0.4
    assert len(acks) == 1


async def test_a_stream_that_is_refused_for_good_is_not_opened_again(
    aclient: tallywire.AsyncClient, script: scripted.Script
) -> None:
    # A write that meets the end of its call hides the status; the connection after it learns it.
    script.play(*[Fail(code=code_pb2.RESOURCE_EXHAUSTED, reason="EVENT_QUOTA")] * 5)
    with pytest.raises(tallywire.ResourceExhausted):
        _ = [ack async for ack in aclient.stream([[tallywire.event("a.b")]])]
    assert len(script.streams) <= 2


def test_the_total_deadline_ends_retries(client: tallywire.Client, script: scripted.Script) -> None:
    """Of which there would be more than a minute."""
    script.play(*[Fail(retry_after=0.5)] * 200)
    begin = time.monotonic()
    with pytest.raises((tallywire.Unavailable, tallywire.DeadlineExceeded)) as caught:
        client.track(tallywire.event("a.b"), timeout=2)
    assert time.monotonic() - begin < PATIENCE
    assert caught.value.outcome_unknown


def test_a_wait_beyond_the_deadline_is_not_begun(client: tallywire.Client, script: scripted.Script) -> None:
    script.play(Fail(code=code_pb2.RESOURCE_EXHAUSTED, reason="STREAM_LIMIT", retry_after=90))
    begin = time.monotonic()
    with pytest.raises(tallywire.ResourceExhausted) as caught:
        client.track(tallywire.event("a.b"), timeout=PATIENCE)
    assert time.monotonic() - begin < PATIENCE
    assert caught.value.retry_after == 90


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (Fail(code=code_pb2.RESOURCE_EXHAUSTED), tallywire.ResourceExhausted),
        (Fail(code=code_pb2.INVALID_ARGUMENT), tallywire.InvalidArgument),
        (Fail(code=code_pb2.OUT_OF_RANGE), tallywire.OutOfRange),
        (Fail(code=code_pb2.ALREADY_EXISTS), tallywire.AlreadyExists),
        (Fail(code=code_pb2.UNAUTHENTICATED), tallywire.Unauthenticated),
        (Fail(code=code_pb2.PERMISSION_DENIED), tallywire.PermissionDenied),
        (Fail(code=code_pb2.FAILED_PRECONDITION), tallywire.FailedPrecondition),
        (Fail(code=code_pb2.NOT_FOUND), tallywire.NotFound),
        (Fail(code=code_pb2.INTERNAL), tallywire.Internal),
        (Fail(code=code_pb2.ABORTED), tallywire.TallywireError),
    ],
)
def test_other_statuses_are_final(
    client: tallywire.Client, script: scripted.Script, step: Fail, kind: type[tallywire.TallywireError]
) -> None:
    script.play(step)
    with pytest.raises(kind) as caught:
        client.track(tallywire.event("a.b"))
    assert type(caught.value) is kind
    assert len(script.requests) == 1
    assert caught.value.outcome_unknown is (step.code in (code_pb2.INTERNAL, code_pb2.ABORTED))


def test_what_a_server_cancels_as_it_begins_to_drain_is_tried_again(
    client: tallywire.Client, script: scripted.Script
) -> None:
    script.play(Fail(code=code_pb2.CANCELLED, bare=True))
    client.track(tallywire.event("a.b"))
    assert len(script.requests) == 2


FULL = Fail(
    code=code_pb2.OUT_OF_RANGE,
    reason="VALUE_OUT_OF_RANGE",
    field="message.prompt_tokens",
    metadata={"minimum": "0", "maximum": "9"},
    message="prompt_tokens is too large",
)


def _check(error: tallywire.TallywireError) -> None:
    assert type(error) is tallywire.OutOfRange
    assert error.code is grpc.StatusCode.OUT_OF_RANGE
    assert (error.reason, error.field) == ("VALUE_OUT_OF_RANGE", "message.prompt_tokens")
    assert error.metadata == {"minimum": "0", "maximum": "9"}
    assert error.retry_after is None
    assert "OUT_OF_RANGE (VALUE_OUT_OF_RANGE)" in str(error)
    assert "message.prompt_tokens: prompt_tokens is too large" in str(error)


async def test_details_are_decoded(
    client: tallywire.Client, aclient: tallywire.AsyncClient, script: scripted.Script
) -> None:
    script.play(FULL, FULL)
    with pytest.raises(tallywire.OutOfRange) as caught:
        await asyncio.to_thread(client.track, tallywire.event("a.b"))
    _check(caught.value)
    with pytest.raises(tallywire.OutOfRange) as caught:
        await aclient.track(tallywire.event("a.b"))
    _check(caught.value)


def test_errors_survive_pickling(client: tallywire.Client, script: scripted.Script) -> None:
    script.play(FULL)
    with pytest.raises(tallywire.OutOfRange) as caught:
        client.track(tallywire.event("a.b"))
    _check(pickle.loads(pickle.dumps(caught.value)))  # noqa: S301 - its own bytes


def test_a_status_without_details_is_reported_as_it_is(client: tallywire.Client, script: scripted.Script) -> None:
    script.play(Fail(code=code_pb2.UNAUTHENTICATED, message="who?", bare=True))
    with pytest.raises(tallywire.Unauthenticated) as caught:
        client.metrics()
    assert (caught.value.message, caught.value.reason, caught.value.metadata) == ("who?", "", {})


@pytest.mark.parametrize("trailer", [b"\xff\xff\xff", b"", b"\x1a\x03abc"])
def test_garbage_in_the_trailer_is_no_error_of_its_own(trailer: bytes) -> None:
    assert _status.decode([("other", "x"), (_status.TRAILER, trailer)]).reason == ""


def test_details_decode_without_googleapis_common_protos() -> None:
    code = """
import sys
import tallywire
from google.protobuf import descriptor_pool
try:
    descriptor_pool.Default().FindFileByName("google/rpc/status.proto")
except KeyError:
    pass
else:
    raise SystemExit("registered")
assert not [name for name in sys.modules if name.startswith("google.rpc")]
from tallywire import _status
print(_status.decode([(_status.TRAILER, bytes.fromhex(sys.argv[1]))]))
from google.rpc import error_details_pb2, status_pb2  # comes second, and is welcome
"""
    failure = Fail(reason="DRAINING", field="f", metadata={"a": "b"}, retry_after=1.5)
    wire = scripted.status_of(failure).SerializeToString()
    command = [sys.executable, "-c", code, wire.hex()]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=30, env=scripted.environment())
    assert ran.returncode == 0, ran.stderr
    assert "reason='DRAINING', metadata={'a': 'b'}, field='f', retry_after=1.5" in ran.stdout


def test_batches_of_any_size(client: tallywire.Client, script: scripted.Script) -> None:
    batch = [tallywire.event("a.b", event_id=f"e{number}") for number in range(2_100)]
    results = client.track_batch(iter(batch))
    assert [result.event_id for result in results] == [event.event_id for event in batch]
    assert [len(request.events) for request in script.requests] == [1_000, 1_000, 100]
    assert client.track_batch([]) == []


def test_rejections_are_results_of_a_batch(client: tallywire.Client, script: scripted.Script) -> None:
    script.play(Reject())
    giant = tallywire.event("a.b", event_id="giant", properties={"text": "x" * 4_000_000})
    results = client.track_batch([giant, tallywire.event("a.b")])
    assert [result.status for result in results] == [REJECTED, REJECTED]
    assert (results[0].event_id, results[1].rejection.field) == ("giant", "message.prompt_tokens")


def test_a_batch_that_breaks_tells_what_was_stored(client: tallywire.Client, script: scripted.Script) -> None:
    script.play(Slow(seconds=0), Fail(code=code_pb2.PERMISSION_DENIED))
    with pytest.raises(tallywire.PermissionDenied) as caught:
        client.track_batch(tallywire.event("a.b") for _ in range(1_500))
    assert len(caught.value.results) == 1_000


def test_questions_carry_their_arguments(client: tallywire.Client, script: scripted.Script) -> None:
    client.overview(START, END, time_zone="Asia/Kathmandu", channel="web")
    client.agent("a1", START, END, trend_days=30)
    client.usage(
        START, END, granularity="week", week_start="sunday", metrics=["total_messages"], since_revision=9, team_id="t"
    )
    client.usage(START, END)
    client.usage(START, END, dimensions={"model": "small-2"})
    assert client.metrics() == metrics_service_pb2.ListMetricsResponse()
    overview, agent, usage, default, by_model, _ = script.requests
    assert (usage.time_range.week_start, usage.since_revision) == (time_pb2.WEEKDAY_SUNDAY, 9)
    assert default.time_range.week_start == time_pb2.WEEKDAY_UNSPECIFIED
    assert overview.time_range.start.ToJsonString() == "2026-01-01T00:00:00Z"
    assert overview.time_range.end.ToJsonString() == "2026-02-01T00:00:00Z"
    assert (overview.time_range.time_zone, overview.filter.channel) == ("Asia/Kathmandu", "web")
    assert (agent.agent_id, agent.trend_days) == ("a1", 30)
    assert (usage.granularity, list(usage.metrics), usage.filter.team_id) == (
        time_pb2.GRANULARITY_WEEK,
        ["total_messages"],
        "t",
    )
    assert not default.HasField("filter")
    assert [(one.dimension, one.value) for one in by_model.filter.dimensions] == [("model", "small-2")]


def test_questions_are_checked_before_they_are_sent(client: tallywire.Client, script: scripted.Script) -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 - the case
    with pytest.raises(ValueError, match="start has no time zone"):
        client.overview(naive, END)
    with pytest.raises(ValueError, match="end has no time zone"):
        client.agent("a", START, naive)
    with pytest.raises(ValueError, match="compare has no time zone"):
        client.agent("a", START, END, compare=(START, naive))
    with pytest.raises(ValueError, match="compare is one of previous, week, month, year or a start"):
        client.overview(START, END, compare="decade")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="week_start is one of monday"):
        client.usage(START, END, week_start="domingo")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="granularity is one of minute, five_minutes, quarter_hour"):
        client.usage(START, END, granularity="second")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="sequence of names"):
        client.usage(START, END, metrics="total_messages")
    assert script.requests == []


async def test_the_async_client_asks_the_same(aclient: tallywire.AsyncClient, script: scripted.Script) -> None:
    await aclient.connect()
    script.play(Fail(code=code_pb2.RESOURCE_EXHAUSTED, retry_after=0.01))
    await aclient.overview(START, END, agent_id="a")
    await aclient.agent("a1", START, END)
    await aclient.usage(START, END, granularity="day", channel="web")
    await aclient.metrics()
    assert len(script.requests) == 5
    with pytest.raises(ValueError, match="start has no time zone"):
        await aclient.overview(datetime(2026, 1, 1), END)  # noqa: DTZ001 - the case


async def test_the_deadline_holds(aclient: tallywire.AsyncClient, script: scripted.Script) -> None:
    script.play(Slow(seconds=1))
    with pytest.raises(tallywire.DeadlineExceeded) as caught:
        await aclient.metrics(timeout=0.2)
    assert caught.value.outcome_unknown


async def test_cancelling_ends_the_call(aclient: tallywire.AsyncClient, script: scripted.Script) -> None:
    script.hold.clear()
    task = asyncio.create_task(aclient.track(tallywire.event("a.b")))
    await asyncio.to_thread(script.arrived.wait, PATIENCE)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    script.hold.set()


def test_ingest_waits_for_a_server_that_starts(nobody: str) -> None:
    port = int(nobody.rpartition(":")[2])
    with tallywire.Client(nobody, api_key="k", timeout=PATIENCE) as client, futures.ThreadPoolExecutor() as pool:
        waiting = pool.submit(client.track, tallywire.event("a.b"))
        time.sleep(0.5)
        running = scripted.start(port)
        try:
            assert waiting.result().status == ACCEPTED
        finally:
            running.server.stop(None)


async def test_connect_fails_at_once_without_a_server(nobody: str) -> None:
    begin = time.monotonic()
    no_connection = pytest.raises(tallywire.Unavailable, match="no connection")
    with tallywire.Client(nobody, api_key="k") as client, no_connection:
        client.connect(timeout=PATIENCE)
    async with tallywire.AsyncClient(nobody, api_key="k") as aclient:
        with pytest.raises(tallywire.Unavailable, match="no connection"):
            await aclient.connect(timeout=PATIENCE)
    assert time.monotonic() - begin < PATIENCE


def test_backoff_grows_and_gives_up_in_time() -> None:
    now = 0.0
    tries = retries.Attempts(timeout=20, policy=retries.INGEST, clock=lambda: now)
    unavailable = errors.Unavailable("x", grpc.StatusCode.UNAVAILABLE)
    waits = []
    while (wait := tries.next_wait(unavailable)) is not None:
        waits.append(wait)
        now += wait
    assert waits[0] <= 0.1
    assert max(waits) <= retries.MAX_BACKOFF
    assert sum(waits) < 20
    assert 7 < len(waits) < 20
    assert tries.next_timeout() > 0
