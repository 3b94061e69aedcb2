"""A gRPC server that plays a script for each case, chosen by the API key, and records what reached it.

A script is a list of steps, one for each call of the case, whatever its method, in the order in which calls arrive. A
call without a step is answered as the service would: events are stored, and known by their ids; questions get an empty
answer; subscriptions stay silent. cases.schema.json says what a step may hold.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
import grpc.aio
from google.protobuf import any_pb2, duration_pb2, json_format
from google.rpc import error_details_pb2, status_pb2

from clients.conformance import methods, relay
from tallywire.v1 import event_service_pb2

_CODES: Final = {code.name: code for code in grpc.StatusCode}
_DETAILS: Final = "grpc-status-details-bin"
_PUSHBACK: Final = "grpc-retry-pushback-ms"
# For streams as for unary calls, since a script may hold many calls at once.
_OPTIONS: Final = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_concurrent_streams", 1_000),
    ("grpc.http.overload_protection", 0),
)


@dataclass(kw_only=True)
class Attempt:
    """A call that reached the server: when, for how long its caller would wait, and what it brought."""

    method: str
    at: float
    timeout_ms: float | None
    user_agent: str
    request: Any  # of StreamEvents the first batch
    batches: list[Any] = field(default_factory=list)  # of StreamEvents all
    under_way: int = 0  # calls of the case, with this one

    @property
    def events(self) -> list[Any]:
        """Returns the events of a request that has some."""
        if self.method == "StreamEvents":
            return [event for batch in self.batches for event in batch.events]
        if self.method == "TrackEvent":
            return [self.request.event]
        return list(self.request.events) if self.method == "TrackEvents" else []

    def shown(self, since: float) -> dict[str, Any]:
        """Returns the attempt for people."""
        return {
            "at_ms": round((self.at - since) * 1000),
            "method": self.method,
            "timeout_ms": None if self.timeout_ms is None else round(self.timeout_ms),
            "user_agent": self.user_agent,
            "request": json_format.MessageToDict(self.request, preserving_proto_field_name=True),
            **({"batches": [one.sequence for one in self.batches]} if self.method == "StreamEvents" else {}),
        }


@dataclass(kw_only=True)
class Script:
    """The script of one case, and what has come of it."""

    relay: relay.Relay
    steps: deque[dict[str, Any]]
    attempts: list[Attempt] = field(default_factory=list)
    stored: set[str] = field(default_factory=set)
    under_way: int = 0
    most_under_way: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def until(self, condition: Any) -> None:
        """Waits until something is so of the script."""
        async with self.changed:
            await self.changed.wait_for(condition)

    @contextlib.asynccontextmanager
    async def call(self, attempt: Attempt) -> AsyncIterator[dict[str, Any]]:
        """Records a call for the length of the block, and gives its step."""
        self.attempts.append(attempt)
        step = self.steps.popleft() if self.steps else {}
        self.under_way += 1
        attempt.under_way = self.under_way
        self.most_under_way = max(self.most_under_way, self.under_way)
        await self._tell()
        try:
            yield step
        finally:
            self.under_way -= 1
            await asyncio.shield(self._tell())

    async def take(self, attempt: Attempt, batch: Any) -> None:
        """Records a batch of a stream."""
        attempt.batches.append(batch)
        attempt.request = attempt.batches[0]
        await self._tell()

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()


class ScriptedServer(grpc.GenericRpcHandler):  # type: ignore[misc]  # the base class is untyped
    """The server for all cases; a block of `script` adds one."""

    def __init__(self) -> None:
        self._scripts: dict[str, Script] = {}
        self._server = grpc.aio.server(options=_OPTIONS)
        self._server.add_generic_rpc_handlers((self,))
        self._port = 0

    async def start(self) -> None:
        """Listens on a free port of loopback, which only relays use."""
        self._port = self._server.add_insecure_port("127.0.0.1:0")
        await self._server.start()

    async def stop(self) -> None:
        """Ends what is under way."""
        await self._server.stop(None)

    @contextlib.asynccontextmanager
    async def script(self, key: str, steps: Sequence[dict[str, Any]], *, foreign: int = 0) -> AsyncIterator[Script]:
        """Plays the steps for calls with that key, over a port of their own, for the length of the block."""
        async with relay.Relay(self._port, foreign=foreign) as way:
            self._scripts[key] = script = Script(relay=way, steps=deque(steps))
            try:
                yield script
            finally:
                del self._scripts[key]

    def service(self, handler_call_details: Any) -> Any:
        """Returns gRPC's handler of a method of the contract; None for other methods."""
        method = methods.by_path().get(handler_call_details.method)
        if method is None:
            return None

        async def unary(request: Any, context: Any) -> Any:
            async with self._called(method, request, context) as (script, step, _):
                return await _play(script, step, method, request, context)

        async def stream(request: Any, context: Any) -> None:
            async with self._called(method, request, context) as (script, step, _):
                await _play_stream(script, step, method, context)

        async def batches(requests: Any, context: Any) -> None:
            async with self._called(method, event_service_pb2.StreamBatch(), context) as (script, step, attempt):
                await _play_batches(script, step, attempt, requests, context)

        reading, writing = methods.request_class(method).FromString, methods.response_class(method).SerializeToString
        if method.client_streaming:
            return grpc.stream_stream_rpc_method_handler(batches, reading, writing)
        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(stream, reading, writing)
        return grpc.unary_unary_rpc_method_handler(unary, reading, writing)

    @contextlib.asynccontextmanager
    async def _called(
        self, method: Any, request: Any, context: Any
    ) -> AsyncIterator[tuple[Script, dict[str, Any], Attempt]]:
        metadata = dict(context.invocation_metadata())
        script = self._scripts.get(str(metadata.get("authorization", "")).removeprefix("Bearer "))
        if script is None:
            await _abort(context, {"code": "UNAUTHENTICATED", "reason": "KEY_INVALID"})
            raise RuntimeError("unreachable: the call was aborted")
        left = context.time_remaining()
        attempt = Attempt(
            method=method.name,
            at=time.monotonic(),
            timeout_ms=None if left is None else left * 1000,
            user_agent=str(metadata.get("user-agent", "")),
            request=request,
        )
        async with script.call(attempt) as step:
            yield script, step, attempt


async def _play(script: Script, step: dict[str, Any], method: Any, request: Any, context: Any) -> Any:
    """Answers a unary call as its step says."""
    if step.get("stored"):
        _answer(script, {}, method, request)
    await _interrupt(script, step, context)
    return _answer(script, step, method, request)


async def _play_stream(script: Script, step: dict[str, Any], method: Any, context: Any) -> None:
    """Plays the items of a stream in turn; one that has come to its end without a status stays silent."""
    await _interrupt(script, step, context)
    for item in step.get("stream", ()):
        if item.get("end"):
            return
        if "message" in item:
            await context.write(json_format.ParseDict(item["message"], methods.response_class(method)()))
        else:
            await _interrupt(script, item, context)
    await _for_ever()


async def _play_batches(script: Script, step: dict[str, Any], attempt: Attempt, requests: Any, context: Any) -> None:
    """Acknowledges the batches of a stream; with `take` does what the step says after so many of them."""
    if "take" not in step:
        await _interrupt(script, step, context)
    async for request in requests:
        batch = request.batch
        if attempt.batches and batch.sequence != attempt.batches[-1].sequence + 1:
            await _abort(context, {"code": "INVALID_ARGUMENT", "reason": "SEQUENCE_GAP"})
        await script.take(attempt, batch)
        if "take" not in step and len(attempt.batches) <= step.get("acks", len(attempt.batches)):
            await context.write(_acknowledged(script, batch))
        elif len(attempt.batches) == step.get("take"):
            acknowledged = step.get("acks", 0)
            for one in attempt.batches[:acknowledged]:
                await context.write(_acknowledged(script, one))
            if step.get("stored"):
                for one in attempt.batches[acknowledged:]:
                    list(_results(script, {}, one.events))
            if step.get("end"):
                return
            await _interrupt(script, step, context)


def _acknowledged(script: Script, batch: Any) -> Any:
    """Returns the acknowledgement of a batch, whose events are stored."""
    ack = event_service_pb2.StreamAck(sequence=batch.sequence, results=_results(script, {}, batch.events))
    return event_service_pb2.StreamEventsResponse(acks=[ack])


async def _interrupt(script: Script, step: dict[str, Any], context: Any) -> None:
    """Does what a step says before its answer; most of it leaves none."""
    await asyncio.sleep(step.get("delay_ms", 0) / 1000)
    if "status" in step:
        await _abort(context, step["status"])
    if "refuse_ms" in step:
        script.relay.refuse(step["refuse_ms"] / 1000)
        await _for_ever()
    if step.get("reset"):
        script.relay.reset()
        await _for_ever()
    if step.get("hold"):
        await _for_ever()


async def _for_ever() -> None:
    """Waits until the call is cancelled, by its client or the end of its connection."""
    await asyncio.Event().wait()


def _answer(script: Script, step: dict[str, Any], method: Any, request: Any) -> Any:
    """Returns the answer of a step, else what the service would answer."""
    response = methods.response_class(method)()
    if "response" in step:
        return json_format.ParseDict(step["response"], response)
    events = [request.event] if method.name == "TrackEvent" else request.events if method.name == "TrackEvents" else ()
    results = list(_results(script, step, events))
    if method.name == "TrackEvent":
        response.result.CopyFrom(results[0])
    elif method.name == "TrackEvents":
        response.results.extend(results)
    return response


def _results(script: Script, step: dict[str, Any], events: Sequence[Any]) -> Iterator[Any]:
    """Yields the results of events: those of the step, by position, for all others by their ids."""
    given = step.get("results", [{}] * len(events))
    for event, wanted in zip(events, given, strict=False):
        result = event_service_pb2.EventResult(event_id=event.event_id)
        result.status = event_service_pb2.EVENT_STATUS_ACCEPTED
        if wanted:
            json_format.ParseDict(wanted, result)
        elif event.event_id in script.stored:
            result.status = event_service_pb2.EVENT_STATUS_DUPLICATE
        if result.status == event_service_pb2.EVENT_STATUS_ACCEPTED:
            script.stored.add(event.event_id)
        yield result


async def _abort(context: Any, status: dict[str, Any]) -> None:
    """Ends a call with a status, with the details that the service or somebody else would send."""
    code, text = _CODES[status["code"]], status.get("message", "scripted")
    trailers: list[tuple[str, str | bytes]] = []
    if "pushback" in status:
        trailers.append((_PUSHBACK, status["pushback"]))
    if not status.get("bare"):
        full = status_pb2.Status(code=code.value[0], message=text)
        full.details.extend(_details(status, text))
        trailers.append((_DETAILS, full.SerializeToString()))
    await context.abort(code, text, tuple(trailers))


def _details(status: dict[str, Any], text: str) -> Iterator[Any]:
    """Yields the details of a status."""
    made: list[Any] = [
        error_details_pb2.ErrorInfo(
            reason=status.get("reason", ""),
            domain=status.get("domain", "tallywire"),
            metadata=status.get("metadata", {}),
        )
    ]
    if "field" in status:
        violation = error_details_pb2.BadRequest.FieldViolation(field=status["field"], description=text)
        made.append(error_details_pb2.BadRequest(field_violations=[violation]))
    if "retry_after_ms" in status:
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(status["retry_after_ms"])
        made.append(error_details_pb2.RetryInfo(retry_delay=delay))
    for detail in made:
        packed = any_pb2.Any()
        packed.Pack(detail)
        yield packed
