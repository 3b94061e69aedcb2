"""Subscribing without any help, and what a subscriber must have seen: one function for each promise of the streams."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import grpc
from google.rpc import error_details_pb2, status_pb2

from agentmetrics.v1 import realtime_service_pb2 as messages


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
    token: str = ""
    first: int | None = None  # the revision of the first bookmark

    async def read(
        self, stub: object, key: str, *, until: int, pause: float = 0, seconds: float = 20, include_events: bool = False
    ) -> bool:
        """Reads until that revision has come, or for some seconds; True where it has come."""
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
        if message.bookmark:
            self.first = message.revision if self.first is None else self.first
        else:
            self.updates.append(message)


def ordered(reader: Reader) -> None:
    """Revisions only grow."""
    revisions = [update.revision for update in reader.updates]
    assert revisions == sorted(revisions)


def unique(reader: Reader) -> None:
    """No revision comes twice."""
    repeated = [one for one, count in Counter(update.revision for update in reader.updates).items() if count > 1]
    assert not repeated


def reliable(reader: Reader, newest: int) -> None:
    """Every revision from the first bookmark to the newest one has come."""
    assert reader.first is not None
    assert [update.revision for update in reader.updates] == list(range(reader.first + 1, newest + 1))


def atomic(reader: Reader, sizes: dict[int, int]) -> None:
    """Each update is whole: it has all the events that were acknowledged with its revision."""
    for update in reader.updates:
        total = sum(change.count for change in update.changes if change.measure == "events" and change.dimension == 1)
        assert total == sizes.get(update.revision, total), update.revision
        assert not update.events or len(update.events) == total


def rebuilt(reader: Reader, measure: str) -> dict[datetime, int]:
    """A table of a measure by quarter hour, made of nothing but updates."""
    table: Counter[datetime] = Counter()
    for update in reader.updates:
        for change in update.changes:
            if change.measure == measure and change.dimension == messages.CHANGE_DIMENSION_TOTAL:
                table[change.bucket.ToDatetime(UTC)] += change.count
    return {bucket: count for bucket, count in table.items() if count}


def monotonic(states: Sequence[messages.WatchMetricsResponse]) -> None:
    """In latest-state mode, revisions never go back."""
    revisions = [state.revision for state in states]
    assert revisions == sorted(revisions)
