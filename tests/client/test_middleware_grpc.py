"""Interceptors of both kinds of gRPC servers: every kind of handler, every end, and a host that notices nothing."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent import futures
from typing import Any

import grpc
import grpc.aio
import pytest
from reported import Reported

import tallywire
from tallywire.middleware import AsyncGrpcInterceptor, GrpcInterceptor, grpc_calls, reports
from tests.support.waiting import PATIENCE, until

SERVICE = "shop.v1.Orders"


def reverse(data: bytes) -> bytes:
    """A serializer, and its own inverse."""
    return data[::-1]


class Blocking:
    """Handlers that run in threads."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.go_on = threading.Event()

    def unary(self, request: bytes, context: grpc.ServicerContext) -> Any:
        """Answers twice what came, or fails as it is told."""
        match request:
            case b"abort":
                context.abort(grpc.StatusCode.NOT_FOUND, "no such order")
            case b"set":
                context.set_code(grpc.StatusCode.ALREADY_EXISTS)
                return b""
            case b"raise":
                raise KeyError("unlucky")
            case b"bad":
                return 5
            case b"wait":
                self.began.set()
                self.go_on.wait(PATIENCE)
        return request * 2

    def streams(self, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        """Answers three times, or fails as it is told."""
        yield request
        if request == b"raise":
            raise KeyError("unlucky")
        if request == b"abort":
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "no")
        while request == b"endless":
            yield request
        yield from (request, request)

    def collects(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        """Answers with all that came."""
        return b"".join(requests)

    def both(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        """Answers each request."""
        yield from requests


class Asynchronous:
    """Handlers of asyncio."""

    def __init__(self) -> None:
        self.began = asyncio.Event()

    async def unary(self, request: bytes, context: Any) -> Any:
        """Answers twice what came, or fails as it is told."""
        match request:
            case b"abort":
                await context.abort(grpc.StatusCode.NOT_FOUND, "no such order")
            case b"set":
                context.set_code(grpc.StatusCode.ALREADY_EXISTS)
                return b""
            case b"raise":
                raise KeyError("unlucky")
            case b"bad":
                return 5
            case b"wait":
                self.began.set()
                await asyncio.Event().wait()
        return request * 2

    async def streams(self, request: bytes, context: Any) -> AsyncIterator[bytes]:
        """Answers three times, or fails as it is told."""
        yield request
        if request == b"raise":
            raise KeyError("unlucky")
        if request == b"abort":
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, "no")
        while request == b"endless":
            await asyncio.sleep(0.01)
            yield request
        yield request
        yield request

    async def collects(self, requests: AsyncIterator[bytes], context: Any) -> bytes:
        """Answers with all that came."""
        return b"".join([request async for request in requests])

    async def both(self, requests: AsyncIterator[bytes], context: Any) -> None:
        """Answers each request, by the context."""
        async for request in requests:
            await context.write(request)


def handlers(of: Any) -> grpc.GenericRpcHandler:
    """The service of some handlers."""
    kinds: dict[str, Callable[..., Any]] = {
        "unary": grpc.unary_unary_rpc_method_handler,
        "streams": grpc.unary_stream_rpc_method_handler,
        "collects": grpc.stream_unary_rpc_method_handler,
        "both": grpc.stream_stream_rpc_method_handler,
    }
    made = {name: make(getattr(of, name), reverse, reverse) for name, make in kinds.items()}
    made["raw"] = grpc.unary_unary_rpc_method_handler(of.unary)
    health = grpc.method_handlers_generic_handler(
        "grpc.health.v1.Health", {"Check": grpc.unary_unary_rpc_method_handler(of.unary)}
    )

    class All(grpc.GenericRpcHandler):
        def service(self, details: Any) -> Any:
            return health.service(details) or grpc.method_handlers_generic_handler(SERVICE, made).service(details)

    return All()


@contextlib.asynccontextmanager
async def serving(kind: str, tracker: tallywire.Tracker, **options: Any) -> AsyncIterator[tuple[Any, grpc.aio.Channel]]:
    """A server of a kind with an interceptor, its handlers, and a channel to it."""
    of: Any = Asynchronous() if kind == "asyncio" else Blocking()
    if kind == "threads":
        blocking = grpc.server(futures.ThreadPoolExecutor(8), [handlers(of)], [GrpcInterceptor(tracker, **options)])
        port = blocking.add_insecure_port("127.0.0.1:0")
        blocking.start()
    else:
        server = grpc.aio.server(
            futures.ThreadPoolExecutor(8), [handlers(of)], [AsyncGrpcInterceptor(tracker, **options)]
        )
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield of, channel
    finally:
        if kind == "threads":
            await asyncio.to_thread(blocking.stop(None).wait)
        else:
            await server.stop(None)


async def pieces(*data: bytes) -> AsyncIterator[bytes]:
    """Requests, one after the other."""
    for one in data:
        yield one


async def code(call: Any) -> str:
    """The status of a call."""
    return str((await call.code()).name)


KIND_NAMES = ("threads", "asyncio", "threads of asyncio")
KINDS = pytest.mark.parametrize("kind", KIND_NAMES)


@KINDS
async def test_calls_of_every_kind_with_their_sizes(observed: Reported, kind: str) -> None:
    async with serving(kind, observed.tracker) as (_, channel):
        unary = channel.unary_unary(f"/{SERVICE}/unary", reverse, reverse)
        assert await unary(b"abc") == b"abcabc"
        assert await channel.unary_unary(f"/{SERVICE}/raw")(b"abc") == b"abcabc"
        found = channel.unary_stream(f"/{SERVICE}/streams", reverse, reverse)(b"abcd")
        assert [one async for one in found] == [b"abcd"] * 3
        collected = channel.stream_unary(f"/{SERVICE}/collects", reverse, reverse)
        assert await collected(pieces(b"ab", b"c")) == b"abc"
        echoed = channel.stream_stream(f"/{SERVICE}/both", reverse, reverse)(pieces(b"ab", b"cde"))
        assert [one async for one in echoed] == [b"ab", b"cde"]
        events = await observed.until(5)
    calls = {
        event.api.endpoint: (event.api.status_code, event.api.request_bytes, event.api.response_bytes)
        for event in events
    }
    # A thread of asyncio is over before its one answer is put into bytes.
    known = kind != "threads of asyncio"
    assert calls == {
        f"/{SERVICE}/unary": (200, 3, 6 * known),
        f"/{SERVICE}/raw": (200, 3, 6 * known),
        f"/{SERVICE}/streams": (200, 4, 12),
        f"/{SERVICE}/collects": (200, 3, 3 * known),
        f"/{SERVICE}/both": (200, 5, 5),
    }
    assert {event.api.method for event in events} == {"GRPC"}
    assert all(event.api.HasField("latency_ms") for event in events)


FAILURES = [
    ("unary", b"abort", "NOT_FOUND", 404),
    ("unary", b"set", "ALREADY_EXISTS", 409),
    ("unary", b"raise", "UNKNOWN", 500),
    ("streams", b"abort", "PERMISSION_DENIED", 403),
    ("streams", b"raise", "UNKNOWN", 500),
]
# A generator that grpc.aio runs in a thread, and that aborts after an answer, leaves its caller waiting for ever about
# every third time: so it is with grpcio 1.85 alone, without any interceptor.
HANGS_IN_GRPC = ("threads of asyncio", "streams", b"abort")


@pytest.mark.parametrize(
    ("kind", "method", "request_", "status", "expected"),
    [(kind, *one) for kind in KIND_NAMES for one in FAILURES if (kind, *one[:2]) != HANGS_IN_GRPC],
)
async def test_failures_keep_their_status(
    observed: Reported, kind: str, method: str, request_: bytes, status: str, expected: int
) -> None:
    async with serving(kind, observed.tracker) as (_, channel):
        if method == "unary":
            call: Any = channel.unary_unary(f"/{SERVICE}/unary", reverse, reverse)(request_)
        else:
            call = channel.unary_stream(f"/{SERVICE}/streams", reverse, reverse)(request_)
            with contextlib.suppress(grpc.aio.AioRpcError):
                async for _one in call:
                    pass
        assert await code(call) == status
        await observed.until(1)
    assert observed.calls() == [("GRPC", f"/{SERVICE}/{method}", expected)]


@pytest.mark.parametrize("kind", ["threads", "asyncio"])  # threads of asyncio are over before
async def test_an_answer_that_cannot_be_sent_is_a_500(observed: Reported, kind: str) -> None:
    async with serving(kind, observed.tracker) as (_, channel):
        assert await code(channel.unary_unary(f"/{SERVICE}/unary", reverse, reverse)(b"bad")) != "OK"
        await observed.until(1)
    assert observed.calls() == [("GRPC", f"/{SERVICE}/unary", 500)]


@pytest.mark.parametrize("kind", ["threads", "asyncio"])  # threads of asyncio are never told
async def test_a_caller_that_goes_away_is_a_499_and_a_deadline_a_504(observed: Reported, kind: str) -> None:
    async with serving(kind, observed.tracker) as (of, channel):
        endless = channel.unary_stream(f"/{SERVICE}/streams", reverse, reverse)(b"endless")
        assert await endless.read() == b"endless"
        endless.cancel()
        await observed.until(1)
        waits = channel.unary_unary(f"/{SERVICE}/unary", reverse, reverse)(b"wait", timeout=1)
        assert await code(waits) == "DEADLINE_EXCEEDED"
        await observed.until(2)
        if kind == "threads":
            of.go_on.set()
    cancelled, late = observed.calls()
    assert cancelled == ("GRPC", f"/{SERVICE}/streams", 499)
    # Its caller's clock has ended it; where the request was slow to come, the deadline has not passed for the server.
    assert late in [("GRPC", f"/{SERVICE}/unary", 499), ("GRPC", f"/{SERVICE}/unary", 504)]


@pytest.mark.parametrize(("left", "status"), [(None, 499), (3600.0, 499), (0.0, 504)])
def test_what_is_given_up_at_its_deadline_is_a_504(observed: Reported, left: float | None, status: int) -> None:
    class Context:
        def time_remaining(self) -> float | None:
            return left

    call = grpc_calls.ServedCall(reports.Reports(observed.tracker, None, (), 1), "/a.B/C")
    call.begins(Context())
    call.ends()
    call.ends()
    assert observed.calls() == [("GRPC", "/a.B/C", status)]


@KINDS
async def test_methods_that_nobody_has_and_that_are_left_out(observed: Reported, kind: str) -> None:
    async with serving(kind, observed.tracker) as (_, channel):
        assert await code(channel.unary_unary("/evil.Service/Invented57")(b"")) == "UNIMPLEMENTED"
        assert await channel.unary_unary("/grpc.health.v1.Health/Check")(b"x") == b"xx"
        await observed.until(1)
    assert observed.calls() == [("GRPC", "(none)", 501)]


@KINDS
async def test_who_a_call_is_about_comes_from_its_context(observed: Reported, kind: str) -> None:
    def who(context: Any) -> tallywire.contexts.Who:
        return {"agent_id": dict(context.invocation_metadata())["x-agent"]}

    async with serving(kind, observed.tracker, who=who) as (_, channel):
        unary = channel.unary_unary(f"/{SERVICE}/unary", reverse, reverse)
        assert await unary(b"a", metadata=(("x-agent", "bot"),)) == b"aa"
        assert await unary(b"a") == b"aa"  # the function fails
        events = await observed.until(2)
    assert sorted(event.agent_id for event in events) == ["", "bot"]


async def test_without_the_metrics_server_nothing_fails_and_nothing_waits(nobody: str) -> None:
    """By order: the calls are answered while no event can be sent."""
    with tallywire.Tracker(nobody, api_key="k", max_events=5, shutdown_timeout=0) as tracker:
        async with serving("asyncio", tracker) as (_, channel):
            unary = channel.unary_unary(f"/{SERVICE}/unary", reverse, reverse)
            assert [await unary(b"a") for _ in range(10)] == [b"aa"] * 10
            await until(lambda: tracker.stats().pending + tracker.stats().dropped == 10)
        assert (tracker.stats().pending, tracker.stats().dropped) == (5, 5)
