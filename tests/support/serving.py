"""A real server for tests, an organization's view of it, and what a refusal says."""

import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import grpc
from google.protobuf import timestamp_pb2
from google.rpc import error_details_pb2, status_pb2

from server.app import Running
from server.organizations.settings import OrganizationSettings
from server.settings import Settings
from server.store.database import Database
from server.store.isolation import EVERY
from server.tasks.wakeups import Wakeups
from server.tenancy import administration, api_keys
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.principal import Scope
from tallywire.v1 import (
    answer_pb2,
    event_pb2,
    event_service_pb2,
    event_service_pb2_grpc,
    metrics_service_pb2,
    metrics_service_pb2_grpc,
    time_pb2,
)

UTC_SETTINGS = OrganizationSettings(time_zone="UTC")
EVERYTHING = (Scope.INGEST, Scope.READ, Scope.BACKFILL)
TRACK_EVENT = "/tallywire.v1.EventService/TrackEvent"
TRACK_EVENTS = "/tallywire.v1.EventService/TrackEvents"
OVERVIEW = "/tallywire.v1.MetricsService/GetOverview"


@contextlib.asynccontextmanager
async def running(settings: Settings, **changes: Any) -> AsyncIterator[Running]:
    """A server like the shared one but for some changes, with pools of its own, until the block ends."""
    settings = settings.model_copy(update=changes)
    database = Database(
        settings.required("database_url"),
        ingest_connections=4,
        query_connections=settings.query_connections,
        node_urls=settings.node_urls,
    )
    wakeups = Wakeups(settings.required("redis_url"))
    server = Running(settings, database, wakeups)
    try:
        await server.start()
        yield server
        await server.stop()
    finally:
        await wakeups.close()
        await database.close()


def now() -> datetime:
    """The time, in UTC and whole milliseconds."""
    at = datetime.now(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def stamp(at: datetime | str) -> timestamp_pb2.Timestamp:
    """A time as a message; texts are ISO 8601, UTC where they do not say."""
    reported = datetime.fromisoformat(at) if isinstance(at, str) else at
    message = timestamp_pb2.Timestamp()
    message.FromDatetime(reported if reported.tzinfo else reported.replace(tzinfo=UTC))
    return message


def uuid7() -> str:
    """An event id of the recommended kind."""
    random = uuid.uuid4().bytes
    made = (time.time_ns() // 1_000_000).to_bytes(6, "big") + bytes((0x70 | random[6] & 0x0F,)) + random[7:]
    return str(uuid.UUID(bytes=made))


def event(event_type: str = "message.sent", *, at: datetime | str | None = None, **fields: Any) -> event_pb2.Event:
    """An event of now unless it says otherwise, with an id of its own."""
    return event_pb2.Event(
        **{"event_id": uuid7(), "event_type": event_type, "occurred_at": stamp(now() if at is None else at), **fields}
    )


def period(start: datetime | str, end: datetime | str, zone: str = "") -> time_pb2.TimeRange:
    """A period of a question."""
    return time_pb2.TimeRange(start=stamp(start), end=stamp(end), time_zone=zone)


def today() -> time_pb2.TimeRange:
    """A period that holds everything that tests send with the time of now."""
    return period(now() - timedelta(days=1), now() + timedelta(hours=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """An organization with a key, and a way to the server."""

    organization_id: int
    name: str
    key: api_keys.NewKey
    channel: grpc.aio.Channel

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What authenticates a call."""
        return (("authorization", f"Bearer {self.key.secret}"),)

    async def track(
        self, event: event_pb2.Event, *, sent_at: datetime | None = None, correct_clock: bool = False
    ) -> event_service_pb2.TrackEventResponse:
        """Sends one event."""
        request = event_service_pb2.TrackEventRequest(
            event=event, sent_at=None if sent_at is None else stamp(sent_at), correct_clock=correct_clock
        )
        stub = event_service_pb2_grpc.EventServiceStub(self.channel)
        return await stub.TrackEvent(request, metadata=self.metadata, timeout=20)

    async def track_all(
        self, events: Iterable[event_pb2.Event], *, sent_at: datetime | None = None, correct_clock: bool = False
    ) -> event_service_pb2.TrackEventsResponse:
        """Sends a batch."""
        request = event_service_pb2.TrackEventsRequest(
            events=events, sent_at=None if sent_at is None else stamp(sent_at), correct_clock=correct_clock
        )
        stub = event_service_pb2_grpc.EventServiceStub(self.channel)
        return await stub.TrackEvents(request, metadata=self.metadata, timeout=20)

    def stream(self) -> Any:
        """Opens a stream of events; cancel it where the test does not end it."""
        return event_service_pb2_grpc.EventServiceStub(self.channel).StreamEvents(metadata=self.metadata, timeout=120)

    async def overview(
        self, time_range: time_pb2.TimeRange, comparison: time_pb2.Comparison | None = None, **part: Any
    ) -> metrics_service_pb2.GetOverviewResponse:
        """Asks for the key figures."""
        request = metrics_service_pb2.GetOverviewRequest(
            time_range=time_range, comparison=comparison, filter=answer_pb2.Filter(**part)
        )
        return await self.ask("GetOverview", request)

    async def agent(
        self,
        agent_id: str,
        time_range: time_pb2.TimeRange,
        *,
        trend_days: int = 0,
        comparison: time_pb2.Comparison | None = None,
    ) -> metrics_service_pb2.GetAgentMetricsResponse:
        """Asks for the figures of an agent."""
        request = metrics_service_pb2.GetAgentMetricsRequest(
            agent_id=agent_id, time_range=time_range, trend_days=trend_days, comparison=comparison
        )
        return await self.ask("GetAgentMetrics", request)

    async def trends(
        self,
        time_range: time_pb2.TimeRange,
        *metrics: str,
        granularity: int = time_pb2.GRANULARITY_UNSPECIFIED,
        comparison: time_pb2.Comparison | None = None,
        since_revision: int = 0,
        **part: Any,
    ) -> metrics_service_pb2.GetUsageTrendsResponse:
        """Asks for series."""
        request = metrics_service_pb2.GetUsageTrendsRequest(
            time_range=time_range,
            granularity=granularity,
            metrics=metrics,
            comparison=comparison,
            since_revision=since_revision,
            filter=answer_pb2.Filter(**part),
        )
        return await self.ask("GetUsageTrends", request)

    async def table(
        self, time_range: time_pb2.TimeRange, *metrics: str, by: Sequence[str] = (), part: Any = None, **rest: Any
    ) -> metrics_service_pb2.QueryMetricsResponse:
        """Asks for a table with a row for each value of a dimension or pair."""
        request = metrics_service_pb2.QueryMetricsRequest(
            time_range=time_range, metrics=metrics, group_by=by, filter=part, **rest
        )
        return await self.ask("QueryMetrics", request)

    async def ask(self, rpc: str, request: Any) -> Any:
        """Calls an RPC of MetricsService."""
        stub = metrics_service_pb2_grpc.MetricsServiceStub(self.channel)
        return await getattr(stub, rpc)(request, metadata=self.metadata, timeout=20)

    async def raw(self, method: str, body: bytes, **options: Any) -> bytes:
        """Calls an RPC with the bytes of a request, whatever they are."""
        options = {"metadata": self.metadata, "timeout": 20, **options}
        return await self.channel.unary_unary(method)(body, **options)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """Makes organizations and keys for a server."""

    database: Database
    secrets: KeyedHashes
    channel: grpc.aio.Channel

    async def caller(self, *, settings: OrganizationSettings = UTC_SETTINGS, **key: Any) -> Caller:
        """A new organization and a key of it."""
        name = f"test {uuid.uuid4().hex}"
        organization_id = await administration.create_organization(self.database, name, settings)
        return await self.another(
            Caller(
                organization_id=organization_id,
                name=name,
                key=api_keys.NewKey(key_id="", secret=""),
                channel=self.channel,
            ),
            **key,
        )

    async def another(
        self,
        caller: Caller,
        *,
        scopes: Collection[Scope] = EVERYTHING,
        **key_options: Any,
    ) -> Caller:
        """The same organization with another key."""
        key = await api_keys.create_key(
            self.database, self.secrets, caller.name, name="test", scopes=scopes, **key_options
        )
        return replace(caller, key=key)


def holding(caller: Caller, credential: str) -> Caller:
    """The same way to the server with another credential."""
    return replace(caller, key=api_keys.NewKey(key_id="", secret=credential))


def through(caller: Caller, channel: grpc.aio.Channel) -> Caller:
    """The same organization and key on another connection."""
    return replace(caller, channel=channel)


def body(one: event_pb2.Event | None = None) -> bytes:
    """The bytes of a request that carries an event."""
    return event_service_pb2.TrackEventRequest(event=event() if one is None else one).SerializeToString()


async def stored(database: Database, caller: Caller) -> list[str]:
    """The types of the organization's raw events, sorted; keys and events must be as many."""
    async with database.transaction(of=EVERY) as driver:
        types = await driver.fetch("SELECT event_type FROM events WHERE organization_id = $1", caller.organization_id)
        keys = await driver.fetchval(
            "SELECT count(*) FROM event_keys WHERE organization_id = $1", caller.organization_id
        )
    assert keys == len(types)
    return sorted(row[0] for row in types)


async def column(database: Database, caller: Caller, name: str) -> list[Any]:
    """A column of the organization's raw events, in the order in which they occurred."""
    async with database.transaction(of=EVERY) as driver:
        rows = await driver.fetch(
            f"SELECT {name} FROM events WHERE organization_id = $1 ORDER BY occurred_at", caller.organization_id
        )
    return [row[0] for row in rows]


class Refusal(NamedTuple):
    """What an error says to a program."""

    code: str
    reason: str
    field: str
    retry: bool


def refusal(error: grpc.aio.AioRpcError) -> Refusal:
    """What an error says; its parts must not contradict each other."""
    details = [value for key, value in error.trailing_metadata() or () if key == "grpc-status-details-bin"]
    if not details:
        return Refusal(error.code().name, "", "", retry=False)
    status = status_pb2.Status.FromString(details[0])
    assert (status.code, status.message) == (error.code().value[0], error.details())
    info, bad_request, retry = (
        error_details_pb2.ErrorInfo(),
        error_details_pb2.BadRequest(),
        error_details_pb2.RetryInfo(),
    )
    present = [message for message in (info, bad_request, retry) for one in status.details if one.Unpack(message)]
    assert info in present
    assert info.domain == "tallywire"
    fields = [violation.field for violation in bad_request.field_violations]
    assert fields == [info.metadata["field"]] if "field" in info.metadata else not fields
    pushback = [int(value) for key, value in error.trailing_metadata() or () if key == "grpc-retry-pushback-ms"]
    assert pushback == ([retry.retry_delay.ToMilliseconds()] if retry in present else [])
    assert all(delay > 0 for delay in pushback)
    return Refusal(error.code().name, info.reason, info.metadata.get("field", ""), retry=retry in present)


def info(error: grpc.aio.AioRpcError) -> dict[str, str]:
    """The metadata of an error's ErrorInfo."""
    (details,) = (value for key, value in error.trailing_metadata() or () if key == "grpc-status-details-bin")
    message = error_details_pb2.ErrorInfo()
    for one in status_pb2.Status.FromString(details).details:
        if one.Unpack(message):
            return dict(message.metadata)
    raise AssertionError("an error without ErrorInfo")


def last_acked(error: grpc.aio.AioRpcError) -> int:
    """The trailer of a stream that says how far it got."""
    (reported,) = (value for key, value in error.trailing_metadata() or () if key == "last-acked-sequence")
    return int(reported)


async def refused(call: Any) -> grpc.aio.AioRpcError:
    """The error in which a call ends; it must."""
    try:
        answer = await call
    except grpc.aio.AioRpcError as error:
        return error
    raise AssertionError(f"the call was not refused: {answer!r:.300}")


CODES = {code.value[0]: code.name for code in grpc.StatusCode}


def statuses(results: Iterable[event_service_pb2.EventResult]) -> list[str]:
    """What became of each event; for a rejected one, the reason."""
    return [
        event_service_pb2.EventStatus.Name(one.status).removeprefix("EVENT_STATUS_")
        if one.status != event_service_pb2.EVENT_STATUS_REJECTED
        else reason(one)
        for one in results
    ]


def reason(result: event_service_pb2.EventResult) -> str:
    """Why an event was rejected."""
    descriptor = result.rejection.DESCRIPTOR.fields_by_name["reason"].enum_type
    return descriptor.values_by_number[result.rejection.reason].name.removeprefix("ERROR_REASON_")


def warnings(result: event_service_pb2.EventResult) -> list[str]:
    """The warnings of a result, by name."""
    return [event_service_pb2.EventWarning.Name(one).removeprefix("EVENT_WARNING_") for one in result.warnings]


def batch(sequence: int, events: Sequence[event_pb2.Event]) -> event_service_pb2.StreamEventsRequest:
    """A batch for a stream."""
    return event_service_pb2.StreamEventsRequest(batch=event_service_pb2.StreamBatch(sequence=sequence, events=events))


def header(producer_id: str = "") -> event_service_pb2.StreamEventsRequest:
    """A header for a stream."""
    return event_service_pb2.StreamEventsRequest(header=event_service_pb2.StreamHeader(producer_id=producer_id))


async def read_ack(call: Any) -> event_service_pb2.StreamAck:
    """The next acknowledgement of a stream; the stream's error where it ended with one."""
    response = await call.read()
    if response is grpc.aio.EOF:
        code = await call.code()
        trailing = await call.trailing_metadata()
        if code is not grpc.StatusCode.OK:
            raise grpc.aio.AioRpcError(code, await call.initial_metadata(), trailing, await call.details())
        raise EOFError
    (ack,) = response.acks
    return ack


async def rest(call: Any) -> list[event_service_pb2.StreamAck]:
    """The acknowledgements that are left of a stream, up to its good end."""
    acks = []
    with contextlib.suppress(EOFError):
        while True:
            acks.append(await read_ack(call))
    return acks
