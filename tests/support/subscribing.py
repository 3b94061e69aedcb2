"""Subscribing without any help."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import grpc
from google.rpc import error_details_pb2, status_pb2

from tallywire.v1 import realtime_service_pb2 as messages
from tests.harness.faults import promises
from tests.support.waiting import PATIENCE

_WHOLE = messages.CHANGE_DIMENSION_TOTAL


def authorization(key: str) -> tuple[tuple[str, str], ...]:
    """The metadata of a call."""
    return (("authorization", f"Bearer {key}"),)


def reason(error: grpc.aio.AioRpcError) -> tuple[grpc.StatusCode, str, dict[str, str]]:
    """The code, the reason and the metadata of a refusal."""
    details = dict(error.trailing_metadata() or ())["grpc-status-details-bin"]
    for packed in status_pb2.Status.FromString(details).details:
        info = error_details_pb2.ErrorInfo()
        if packed.Unpack(info):
            return error.code(), info.reason, dict(info.metadata)
    raise AssertionError("no ErrorInfo")


async def refusal(call: grpc.aio.UnaryStreamCall) -> tuple[grpc.StatusCode, str, dict[str, str]]:
    """How a stream ends that is refused."""
    try:
        async for _ in call:
            pass
    except grpc.aio.AioRpcError as error:
        return reason(error)
    raise AssertionError("the stream ended without a refusal")


@dataclass(slots=True, kw_only=True)
class Reader:
    """What one subscriber has received over all its connections."""

    updates: list[messages.WatchUpdatesResponse] = field(default_factory=list)
    deliveries: list[promises.Delivery] = field(default_factory=list)  # the same as a whole, and the bookmarks
    resumed: dict[int, int] = field(default_factory=dict)  # after which revision, by connection
    token: str = ""
    _connection: int = 0
    _assembly: promises.Assembly = field(default_factory=lambda: promises.Assembly(_WHOLE))

    async def read(
        self,
        stub: object,
        key: str,
        *,
        until: int,
        pause: float = 0,
        seconds: float = PATIENCE,
        include_events: bool = False,
    ) -> bool:
        """Reads until that revision has come, or for some seconds; True where it has come."""
        self._connection, self._assembly = self._connection + 1, promises.Assembly(_WHOLE)
        if self.token and self.deliveries:
            self.resumed[self._connection] = self.deliveries[-1].revision
        request = messages.WatchUpdatesRequest(resume_after=self.token, include_events=include_events)
        call = stub.WatchUpdates(request, metadata=authorization(key))  # type: ignore[attr-defined]
        try:
            async with asyncio.timeout(seconds):
                async for message in call:
                    self.take(message)
                    if message.revision >= until:
                        return True
                    if pause:
                        await asyncio.sleep(pause)
        except TimeoutError:
            return False
        finally:
            call.cancel()
        return False

    async def drain(self, call: grpc.aio.UnaryStreamCall) -> None:
        """Takes whatever comes until the stream ends."""
        async for message in call:
            self.take(message)

    def take(self, message: messages.WatchUpdatesResponse) -> None:
        """Takes a message, as a client would."""
        if message.resume_token:
            self.token = message.resume_token
        delivery = self._assembly.take(message, self._connection)
        if delivery is not None:
            self.deliveries.append(delivery)
        if not message.bookmark:
            self.updates.append(message)


def kept(problems: Iterable[str]) -> None:
    """Asserts that a promise of the streams was kept."""
    assert not list(problems)


def reliable(reader: Reader, newest: int) -> None:
    """Asserts that every revision from the first bookmark to the newest one has come, once and in order."""
    for promise in (promises.ordered, promises.unique):
        kept(promise(reader.deliveries))
    kept(promises.reliable(reader.deliveries, newest))


def monotonic(states: Sequence[messages.WatchMetricsResponse]) -> None:
    """Asserts that in latest-state mode revisions never go back."""
    kept(promises.monotonic([state.revision for state in states]))


async def begin(stub: object, key: str, **asked: object) -> Reader:
    """A reader that stands at the newest revision."""
    reader, request = Reader(), messages.WatchUpdatesRequest(**asked)  # type: ignore[arg-type]
    call = stub.WatchUpdates(request, metadata=authorization(key))  # type: ignore[attr-defined]
    reader.take(await call.read())
    call.cancel()
    return reader
