"""EventService: the RPCs that take events in, and the list of what is stored."""

import asyncio
import contextlib
import dataclasses
import functools
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, NoReturn, TypeAlias

import grpc
from google.protobuf import timestamp_pb2

from server import telemetry
from server.admission.admission import Admission
from server.clock import Clock
from server.errors import Reason, Refused
from server.events import rules
from server.events.event import Event
from server.ingest import results
from server.ingest.corrections import Corrector
from server.ingest.pipeline import Ingest
from server.ingest.results import EventStatus, Result, Submission
from server.query import event_history
from server.query.event_list import EventListing
from server.query.queries import Queries
from server.rpc import endings, event_conversion, event_corrections, event_lists, event_results, gate, noting
from server.rpc.endings import Lifetime, StreamLimits
from server.rpc.event_conversion import SenderFacts
from server.rpc.requests import TooLarge, WireBatch
from server.tally import Tally
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.principal import Principal
from tallywire.v1 import event_pb2, event_service_pb2, event_service_pb2_grpc, list_events_pb2

MAX_UNACKED_BATCHES = 32
_MAX_SEQUENCE = 2**63 - 1
_LAST_ACKED = "last-acked-sequence"
_Streamed: TypeAlias = WireBatch | event_service_pb2.StreamEventsRequest  # a batch, or what is none
_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class EventService(event_service_pb2_grpc.EventServiceServicer):
    """The service that stores events: one by one, in batches and in streams."""

    def __init__(
        self,
        ingest: Ingest,
        corrections: Corrector,
        queries: Queries,
        admission: Admission,
        secrets: KeyedHashes,
        clock: Clock,
        lists: EventListing,
        *,
        max_streams: int,
        limits: StreamLimits,
    ) -> None:
        self._ingest = ingest
        self._corrections = corrections
        self._queries = queries
        self._admission = admission
        self._secrets = secrets
        self._clock = clock
        self._lists = lists
        self.max_streams = max_streams
        self.limits = limits
        self.streams = Tally()
        self._draining = asyncio.Event()

    def drain(self) -> None:
        """Ends every stream once what it has sent is acknowledged."""
        self._draining.set()

    async def TrackEvent(  # noqa: N802 - the name in the contract
        self, request: event_service_pb2.TrackEventRequest, context: _Context
    ) -> event_service_pb2.TrackEventResponse:
        """Stores one event; a refusal of it fails the call."""
        if not request.HasField("event"):
            raise rules.required("event")
        principal = gate.caller().principal
        sender = self._sender(principal, request)
        event = event_conversion.event(request.event, sender)
        submission = await self._ingest.submit(principal.organization_id, [event], self._admission.limits(principal))
        if sender.clock_skew:
            submission = dataclasses.replace(submission, clock_skew=sender.clock_skew)
        (result,) = submission.results
        if result.rejection is not None:
            raise Refused(
                result.rejection.reason,
                result.rejection.message,
                field=result.rejection.field,
                metadata=result.rejection.metadata,
            )
        return event_results.track_event_response(submission)

    async def TrackEvents(  # type: ignore[override]  # noqa: N802 - the name in the contract
        self, request: WireBatch, context: _Context
    ) -> event_service_pb2.TrackEventsResponse:
        """Stores a batch; each event gets its own result."""
        return event_results.track_events_response(await self._store(gate.caller().principal, request))

    # Responses are written to the context and not yielded, so that a client that does not read them can be told so.
    async def StreamEvents(  # type: ignore[override]  # noqa: N802 - the name in the contract
        self, request_iterator: AsyncIterator[_Streamed], context: _Context
    ) -> None:
        """Stores batches as they come and acknowledges them in order."""
        context.set_trailing_metadata(((_LAST_ACKED, "0"),))  # of one that is not let in, too
        with self._stream_slot(gate.caller().principal.organization_id):
            stream = _Stream(self, request_iterator, context, self._draining, self.limits)
            await stream.run()

    async def CorrectEvents(  # noqa: N802 - the name in the contract
        self, request: event_service_pb2.CorrectEventsRequest, context: _Context
    ) -> event_service_pb2.CorrectEventsResponse:
        """Makes stored events what they should be; each gets its own result."""
        principal, by = gate.caller().principal, gate.actor(context)
        why = event_corrections.reason(request.reason)
        sender = SenderFacts.of(principal, self._secrets, self._clock.now(), any_age=True)
        read = event_corrections.corrections(request, sender)
        done = await event_corrections.done(read, lambda some: self._corrections.correct(principal, some, why, by))
        return event_service_pb2.CorrectEventsResponse(
            results=event_corrections.results(done.results), revision=done.revision
        )

    async def RetractEvents(  # noqa: N802 - the name in the contract
        self, request: event_service_pb2.RetractEventsRequest, context: _Context
    ) -> event_service_pb2.RetractEventsResponse:
        """Takes stored events out; each gets its own result."""
        principal, by = gate.caller().principal, gate.actor(context)
        why = event_corrections.reason(request.reason)
        read = event_corrections.retractions(request)
        done = await event_corrections.done(read, lambda some: self._corrections.correct(principal, some, why, by))
        return event_service_pb2.RetractEventsResponse(
            results=event_corrections.results(done.results), revision=done.revision
        )

    async def GetEvent(  # noqa: N802 - the name in the contract
        self, request: event_service_pb2.GetEventRequest, context: _Context
    ) -> event_service_pb2.GetEventResponse:
        """Returns a stored event and its history."""
        key = event_corrections.event_key(request.event_id)
        principal = gate.caller().principal
        found = await event_history.answer(self._queries, principal, key)
        return event_corrections.history(found, user_details=principal.settings.keep_user_details)

    async def ListEvents(  # type: ignore[override]  # noqa: N802 - the name in the contract
        self, request: list_events_pb2.ListEventsRequest, context: _Context
    ) -> bytes:  # the response is encoded already, which the gate lets through
        """Returns a page of raw events."""
        principal = gate.caller().principal
        stored_user = functools.partial(self._secrets.stored_user, principal.organization_id)
        answer = await self._lists.answer(principal, event_lists.question(request, stored_user))
        noting.show(len(answer.rows))
        return await event_lists.encoded_response(answer, user_details=principal.settings.keep_user_details)

    def _sender(
        self,
        principal: Principal,
        request: event_service_pb2.TrackEventRequest
        | event_service_pb2.TrackEventsRequest
        | event_service_pb2.StreamBatch,
    ) -> SenderFacts:
        sent_at: timestamp_pb2.Timestamp | None = request.sent_at if request.HasField("sent_at") else None
        now, correct = self._clock.now(), request.correct_clock
        return SenderFacts.of(principal, self._secrets, now, sent_at=sent_at, correct_clock=correct)

    async def _store(self, principal: Principal, batch: WireBatch) -> Submission:
        """Stores the valid events of a batch and returns the results of all."""
        sender, read = self._sender(principal, batch.head), list[Event | Result]()
        async with self._admission.reading(principal, batch.count) as yield_point:
            for part in batch.parts():
                read += _read(part, sender)
                await yield_point()
        new = [one for one in read if isinstance(one, Event)]
        submission = await self._ingest.submit(principal.organization_id, new, self._admission.limits(principal))
        every = submission.results
        if len(new) < len(read):
            results.count([one for one in read if isinstance(one, Result)])
            stored = iter(every)
            every = [next(stored) if isinstance(one, Event) else one for one in read]
        return Submission(results=every, revision=submission.revision, clock_skew=sender.clock_skew)

    async def _store_streamed(self, principal: Principal, batch: WireBatch) -> Submission:
        """Stores a batch of a stream, and counts it as in flight until it is stored."""
        with self._admission.holding(principal.organization_id, batch.size):
            return await self._store(principal, batch)

    @contextlib.contextmanager
    def _stream_slot(self, organization_id: int) -> Iterator[None]:
        if self._draining.is_set():
            raise endings.draining()
        if self.streams[organization_id] >= self.max_streams:
            raise Refused(
                Reason.STREAM_LIMIT,
                "too many streams of this organization on this server",
                metadata={"limit": str(self.max_streams)},
                retry_after=5.0,
            )
        self.streams.add(organization_id)
        telemetry.OPEN_STREAMS.inc()
        try:
            yield
        finally:
            self.streams.add(organization_id, -1)
            telemetry.OPEN_STREAMS.dec()


def _read(part: Sequence[event_pb2.Event] | TooLarge, sender: SenderFacts) -> list[Event | Result]:
    """Returns each event of a part of a batch, or its rejection."""
    if isinstance(part, TooLarge):
        return [_rejected(part.event_id, rules.event_too_large())]
    messages = list(part)  # each look at a message in its field makes an object for it
    return [
        _rejected(message.event_id, one) if isinstance(one, Refused) else one
        for message, one in zip(messages, event_conversion.read(messages, sender), strict=True)
    ]


def _rejected(event_id: str, refusal: Refused) -> Result:
    # An id that is refused for its length or bytes is not echoed at length.
    return Result(event_id[: rules.MAX_EVENT_ID], EventStatus.REJECTED, refusal.rejection, ())


_Pending = tuple[int, "asyncio.Task[Submission]"]


class _Stream:
    """One stream: a reader that submits batches, and a writer that acknowledges them in order."""

    def __init__(
        self,
        service: EventService,
        requests: AsyncIterator[_Streamed],
        context: _Context,
        draining: asyncio.Event,
        limits: StreamLimits,
    ) -> None:
        self._service = service
        self._requests = requests
        self._context = context
        self._draining = draining
        self._limits = limits
        self._lifetime = Lifetime(context, limits.age)
        self._pending: asyncio.Queue[_Pending | None] = asyncio.Queue()
        self._unacked = asyncio.Semaphore(MAX_UNACKED_BATCHES)
        self._started = False
        self._last_sequence: int | None = None
        self._last_acked = 0

    async def run(self) -> None:
        """Serves the stream to its end. Batches submitted before the end are acknowledged first if possible."""
        reader = asyncio.create_task(self._read_all())
        try:
            await self._acknowledge_all()
            await reader
        finally:
            reader.cancel()
            await asyncio.gather(reader, *self._abandoned(), return_exceptions=True)
            self._context.set_trailing_metadata(((_LAST_ACKED, str(self._last_acked)),))

    def _abandoned(self) -> Iterator["asyncio.Task[Submission]"]:
        """Stops waiting for batches that nobody will acknowledge any more; the writes in progress go on."""
        while not self._pending.empty():
            if (pending := self._pending.get_nowait()) is not None:
                pending[1].cancel()
                yield pending[1]

    async def _read_all(self) -> None:
        """Reads until the client is done, errs or is idle for too long, the stream's time is over, or the server stops;
        then lets the writer finish.
        """
        draining = asyncio.create_task(self._draining.wait())
        try:
            while True:
                self._lifetime.check()
                reading = asyncio.ensure_future(anext(self._requests, None))
                try:
                    patience = self._lifetime.within(self._limits.idle)
                    await asyncio.wait((reading, draining), timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                    if not reading.done():
                        self._end()
                    request = await reading
                finally:
                    reading.cancel()
                if request is None:
                    return
                await self._take(request)
                del request, reading  # the next one may be long in coming
        finally:
            draining.cancel()
            self._pending.put_nowait(None)

    def _end(self) -> NoReturn:
        """Raises the reason why a stream on which nothing has arrived ends."""
        if self._draining.is_set():
            raise endings.draining()
        self._lifetime.check()
        raise endings.idle()

    async def _take(self, request: _Streamed) -> None:
        if not isinstance(request, WireBatch):
            self._take_header(request)
            return
        self._started = True
        self._check_sequence(request.sequence)
        await self._unacked.acquire()  # nothing more is read while too much is unacknowledged
        principal = await gate.caller().authenticate()
        submitted = asyncio.create_task(self._service._store_streamed(principal, request))
        self._pending.put_nowait((request.sequence, submitted))

    def _take_header(self, request: event_service_pb2.StreamEventsRequest) -> None:
        if not request.HasField("header"):
            raise rules.required("message")
        if self._started:
            raise Refused(Reason.STREAM_HEADER_DUPLICATE, "a stream has one header, first", field="header")
        rules.identifier("header.producer_id", request.header.producer_id)
        self._started = True

    def _check_sequence(self, sequence: int) -> None:
        if sequence == 0:
            raise rules.required("batch.sequence")
        if sequence < 0:
            raise Refused(
                Reason.VALUE_OUT_OF_RANGE,
                f"must be from 1 to {_MAX_SEQUENCE}, and is {sequence}",
                field="batch.sequence",
                metadata={"minimum": "1", "maximum": str(_MAX_SEQUENCE)},
            )
        if self._last_sequence is not None and sequence > self._last_sequence + 1:
            raise Refused(
                Reason.SEQUENCE_GAP,
                "a batch is missing",
                field="batch.sequence",
                metadata={"expected": str(self._last_sequence + 1)},
            )
        self._last_sequence = max(sequence, self._last_sequence or 0)

    async def _acknowledge_all(self) -> None:
        while (pending := await self._pending.get()) is not None:
            sequence, submitted = pending
            submission = await submitted
            response = event_results.stream_events_response(sequence, submission)
            # Never cut short: gRPC sends no status past a message that it has begun. While it waits, nothing is read.
            begun = time.monotonic()
            await self._context.write(response)
            self._last_acked = sequence
            if time.monotonic() - begun > self._limits.acknowledgement:
                raise Refused(Reason.ACK_BACKLOG, "the acknowledgements are not being read")
            self._unacked.release()
