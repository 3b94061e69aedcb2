"""The exceptions of the client: one class per status that a caller may want to tell apart."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, cast

import grpc

from tallywire import _status
from tallywire.v1 import event_service_pb2

# Statuses with which a server says that nothing was stored. After any other one the outcome is unknown.
NOTHING_STORED: Final = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.NOT_FOUND,
    }
)


class TallywireError(Exception):
    """A call failed.

    Attributes:
        code: the gRPC status.
        reason: the machine's word for it, a name of ErrorReason without its prefix; empty if the server gave none.
        field: the path of the request's field at fault, or empty.
        metadata: further facts, as documented beside each ErrorReason.
        retry_after: seconds after which the server asks to be called again, infinity if it asks not to be, or None.
        results: for track_batch, the results of the leading events that were acknowledged before the failure.
    """

    def __init__(
        self,
        message: str,
        code: grpc.StatusCode = grpc.StatusCode.UNKNOWN,
        reason: str = "",
        field: str = "",
        metadata: Mapping[str, str] | None = None,
        retry_after: float | None = None,
    ) -> None:
        # All arguments go to Exception so that the error survives pickling.
        super().__init__(message, code, reason, field, metadata, retry_after)
        self.message = message
        self.code = code
        self.reason = reason
        self.field = field
        self.metadata = dict(metadata or {})
        self.retry_after = retry_after
        self.results: tuple[event_service_pb2.EventResult, ...] = ()

    @property
    def outcome_unknown(self) -> bool:
        """Returns whether an event may or may not be stored; sending it again with the same event_id is always safe."""
        return self.code not in NOTHING_STORED

    def __str__(self) -> str:
        """Returns status, reason, field and the server's text in one line."""
        head = f"{self.code.name} ({self.reason})" if self.reason else self.code.name
        where = f" {self.field}:" if self.field and not self.message.startswith(self.field) else ""
        return f"{head}:{where} {self.message}"


class InvalidArgument(TallywireError):
    """The request makes no sense; sending it again unchanged fails again."""


class OutOfRange(TallywireError):
    """A number or a time lies outside its limits, which metadata names."""


class Restored(OutOfRange):
    """The service was restored to an earlier point: revisions from before do not go on, and their numbers come again.

    Read the figures anew, and subscribe without resume_after.
    """


class AlreadyExists(TallywireError):
    """An event with this event_id and other content is stored; the first one stands."""


class NotFound(TallywireError):
    """What was asked for has never been seen."""


class Unauthenticated(TallywireError):
    """The API key is missing, unknown, expired or revoked."""


class PermissionDenied(TallywireError):
    """The API key does not have the scope that the call needs; metadata["scope"] names it."""


class FailedPrecondition(TallywireError):
    """The organization is in a state that does not allow the call."""


class ResourceExhausted(TallywireError):
    """A limit is reached; calling again helps only if retry_after is set."""


class Unavailable(TallywireError):
    """The server cannot be reached or cannot work right now; the outcome of events is unknown."""


class DeadlineExceeded(TallywireError):
    """The time for the call has run out; the outcome of events is unknown."""


class Cancelled(TallywireError):
    """The call was cancelled, as by closing the client; the outcome of events is unknown."""


class Internal(TallywireError):
    """The server has a fault; metadata["request_id"] finds it in the server's log."""


class OutOfSequence(TallywireError):
    """A subscription got a revision that cannot follow the last one; metadata has it as revision.

    Never seen from a sound server. Read the figures anew, and subscribe from there.
    """


_BY_CODE: Mapping[grpc.StatusCode, type[TallywireError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgument,
    grpc.StatusCode.OUT_OF_RANGE: OutOfRange,
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExists,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDenied,
    grpc.StatusCode.FAILED_PRECONDITION: FailedPrecondition,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ResourceExhausted,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.CANCELLED: Cancelled,
    grpc.StatusCode.INTERNAL: Internal,
}


_BY_REASON: Mapping[str, type[TallywireError]] = {"RESTORED": Restored}


def closed(what: str = "the client") -> Cancelled:
    """Returns the error for a call over a connection that this process has closed itself, or closes meanwhile."""
    return Cancelled(f"{what} is closed", grpc.StatusCode.CANCELLED)


# What whoever stands between may refuse for good. Every other status that is not the service's own says that the
# connection has failed: each gRPC stack, and each proxy, has its own for that.
_REFUSED_BY_OTHERS: Final = frozenset(
    {
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.NOT_FOUND,
    }
)


def from_rpc(error: grpc.RpcError, *, out_of_time: bool = True) -> TallywireError:
    """Returns the exception of this module that says what the gRPC error means.

    `out_of_time` says whether the time of the call may be over, by this machine's clock: then DEADLINE_EXCEEDED is what
    it says, else it is somebody else's word for a connection that has failed.
    """
    # The stubs know the items of a synchronous error only by attribute; those of an asyncio one are plain pairs.
    trailers = tuple(cast("Iterable[tuple[str, str | bytes]]", error.trailing_metadata() or ()))
    details = _status.decode(trailers)
    code = error.code()
    if not details.spoken and code not in _REFUSED_BY_OTHERS:
        code = code if out_of_time and code is grpc.StatusCode.DEADLINE_EXCEEDED else grpc.StatusCode.UNAVAILABLE
    retry_after = details.retry_after
    if retry_after is None and code is grpc.StatusCode.UNAVAILABLE:
        retry_after = _status.pushback(trailers)
    return _BY_REASON.get(details.reason, _BY_CODE.get(code, TallywireError))(
        details.message or error.details() or "no details",
        code,
        details.reason,
        details.field,
        details.metadata,
        retry_after,
    )


@contextlib.contextmanager
def carrying(results: list[event_service_pb2.EventResult]) -> Iterator[None]:
    """Adds to an error that the block raises the results of the events before it."""
    try:
        yield
    except TallywireError as error:
        error.results = tuple(results)
        raise
