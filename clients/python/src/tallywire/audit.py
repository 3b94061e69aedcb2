"""The audit: how a client verifies and repairs figures, and lists who administered what."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final, Generic, Literal, Protocol, Self, TypedDict, TypeVar, Unpack, get_args

import grpc

from tallywire import errors, events, requests, retries
from tallywire.custom_metrics import Call
from tallywire.v1 import audit_service_pb2, audit_service_pb2_grpc

ActorKindName = Literal["api_key", "certificate", "identity", "operator", "service"]
Progress = audit_service_pb2.VerificationProgress
VerificationResult = audit_service_pb2.VerificationResult
RepairResult = audit_service_pb2.RepairResult
AuditEntry = audit_service_pb2.AuditEntry

_ACTOR_KINDS: Final = {
    name: audit_service_pb2.ActorKind.Value(f"ACTOR_KIND_{name.upper()}") for name in get_args(ActorKindName)
}
Result = TypeVar("Result", VerificationResult, RepairResult)


class EntriesOptions(TypedDict, total=False):
    """Which entries of the audit trail are wanted; what is not given does not matter.

    actor_kind: "api_key", "operator" or "service". actor_id: the id of a key or the name of an operator. action_prefix:
    how the action begins, as in "key.". subject: what it was done to. since, until: when.
    """

    actor_kind: ActorKindName | None
    actor_id: str | None
    action_prefix: str | None
    subject: str | None
    since: datetime | None
    until: datetime | None


def entries(options: EntriesOptions, page_size: int | None) -> audit_service_pb2.ListAuditEntriesRequest:
    """Returns the request for the first page of entries. Raises ValueError for an unknown kind of actor."""
    kind = options.get("actor_kind")
    if kind is not None and kind not in _ACTOR_KINDS:
        raise ValueError(f"actor_kind is one of {', '.join(_ACTOR_KINDS)}, not {kind!r}")
    request = audit_service_pb2.ListAuditEntriesRequest(
        actor_kind=_ACTOR_KINDS[kind] if kind else audit_service_pb2.ACTOR_KIND_UNSPECIFIED,
        actor_id=options.get("actor_id") or "",
        action_prefix=options.get("action_prefix") or "",
        subject=options.get("subject") or "",
        page_size=page_size or 0,
    )
    for name in ("since", "until"):
        at = options.get(name)
        if isinstance(at, datetime):
            getattr(request, name).CopyFrom(events.timestamp(at, name))
    return request


def verification(
    start: datetime, end: datetime, dimension: str | None, max_differences: int | None, time_zone: str | None
) -> audit_service_pb2.VerifyMetricsRequest:
    """Returns the request for a verification."""
    return audit_service_pb2.VerifyMetricsRequest(
        time_range=requests.time_range(start, end, time_zone),
        dimension=dimension or "",
        max_differences=max_differences or 0,
    )


def repair(
    start: datetime, end: datetime, dimension: str | None, time_zone: str | None
) -> audit_service_pb2.RepairMetricsRequest:
    """Returns the request for a repair."""
    return audit_service_pb2.RepairMetricsRequest(
        time_range=requests.time_range(start, end, time_zone), dimension=dimension or ""
    )


class _Stream(Protocol):
    def __next__(self) -> Any:
        """Returns the next message."""

    def cancel(self) -> bool:
        """Ends the call."""


class Steps(Generic[Result]):
    """An iterator over how far a verification or a repair is; `result` is there once it has ended.

    It begins with the first step, and ends early with close(), or at the end of `with`.
    """

    def __init__(self, begin: Callable[[], _Stream]) -> None:
        self._begin = begin
        self._stream: _Stream | None = None
        self.result: Result | None = None

    def __iter__(self) -> Self:
        """Returns the iterator itself."""
        return self

    def __next__(self) -> Progress:
        """Returns how far it is. Raises the error that ended it."""
        if self.result is not None:
            raise StopIteration
        if self._stream is None:
            self._stream = self._begin()
        try:
            message = next(self._stream)
        except grpc.RpcError as failure:
            raise errors.from_rpc(failure) from failure
        if message.HasField("result"):
            self.result = message.result
            self.close()
            raise StopIteration
        progress: Progress = message.progress
        return progress

    def __enter__(self) -> Self:
        """Returns the iterator itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Ends it."""
        self.close()

    def wait(self) -> Result:
        """Waits until it has ended, and returns its result."""
        for _ in self:
            pass
        if self.result is None:
            raise RuntimeError("it was closed before its end")
        return self.result

    def close(self) -> None:
        """Ends it. A repair that is ended has mended whole windows."""
        if self._stream is not None:
            self._stream.cancel()


class Audit:
    """Figures verified and repaired, and the audit trail, as `client.audit`."""

    def __init__(self, channel: grpc.Channel, metadata: tuple[tuple[str, str], ...], call: Call) -> None:
        self._stub = audit_service_pb2_grpc.AuditServiceStub(channel)
        self._metadata = metadata
        self._call = call

    def verify_metrics(
        self,
        start: datetime,
        end: datetime,
        *,
        dimension: str | None = None,
        max_differences: int | None = None,
        time_zone: str | None = None,
        timeout: float | None = None,
    ) -> Steps[VerificationResult]:
        """Counts the raw events of [start, end) again and compares every figure: an iterator over its progress, whose
        `result`, or `wait()`, has the differences and a digest.

        `dimension` narrows it to one dimension or pair. Raises ResourceExhausted while another one of the organization
        is under way.
        """
        request = verification(start, end, dimension, max_differences, time_zone)
        return Steps(lambda: self._stub.VerifyMetrics(request, timeout=timeout, metadata=self._metadata))

    def repair_metrics(
        self,
        start: datetime,
        end: datetime,
        *,
        dimension: str | None = None,
        time_zone: str | None = None,
        timeout: float | None = None,
    ) -> Steps[RepairResult]:
        """Mends the figures of [start, end) that are not what raw events say: an iterator over its progress, whose
        `result`, or `wait()`, says what was done. Needs a key with the scope admin.
        """
        request = repair(start, end, dimension, time_zone)
        return Steps(lambda: self._stub.RepairMetrics(request, timeout=timeout, metadata=self._metadata))

    def list_audit_entries(
        self, *, page_size: int | None = None, timeout: float | None = None, **options: Unpack[EntriesOptions]
    ) -> Iterator[AuditEntry]:
        """Yields the entries of the audit trail, the newest first, page by page as they are taken. The options are
        those of EntriesOptions. Needs a key with the scope admin.
        """
        request = entries(options, page_size)
        while True:
            page = self._call(self._stub.ListAuditEntries, lambda: request, retries.QUERY, timeout)
            yield from page.entries
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token
