"""How calls end: whatever is raised becomes a status of the contract, and holds nothing of its request."""

import asyncio
import functools
import time
import uuid
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeAlias

import grpc

from server import errors, log_throttle, telemetry, tracing
from server.errors import Reason, Refused
from server.rpc import statuses

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Refusal: TypeAlias = "Refused | Callable[[_Context], Refused]"  # made for the call if it counts the address


# What OpenTelemetry takes for errors of a server.
_FAULTS = (
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DATA_LOSS,
)


class CallEnd:
    """The end of a call: whatever is raised inside becomes one of our statuses, and its duration is measured."""

    __slots__ = ("_context", "_method", "_on_refused", "_span", "_started")

    def __init__(
        self, method: str, context: _Context, on_refused: "Callable[[str, _Context, Refused], None] | None" = None
    ) -> None:
        self._method = method
        self._context = context
        self._on_refused = on_refused
        self._span: tracing.Spanned | None = None
        self._started = time.perf_counter()

    async def __aenter__(self) -> None:
        if tracing.is_on():
            service, _, method = self._method.strip("/").rpartition("/")
            about = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": method}
            self._span = tracing.begin_call(f"{service}/{method}", about, self._context.invocation_metadata() or ())

    async def __aexit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> bool:
        outcome = grpc.StatusCode.OK
        try:
            if isinstance(error, asyncio.CancelledError):
                outcome = grpc.StatusCode.CANCELLED
            elif isinstance(error, grpc.aio.InternalError):  # the client has gone
                outcome = grpc.StatusCode.CANCELLED
                log_throttle.write("info", "a caller has left", self._method, method=self._method)
                let_go(error)
                self._context.set_code(outcome)
                return True
            elif isinstance(error, Exception):  # whatever it is, it must not reach the caller as it is
                outcome = await self._refuse(refusal_of(error, self._method))
                let_go(error)
                return True
            return False
        finally:
            _seconds(self._method, outcome.name).observe(time.perf_counter() - self._started)
            if self._span is not None:
                self._span.end({"rpc.grpc.status_code": outcome.value[0]}, is_fault=outcome in _FAULTS)

    async def _refuse(self, refusal: Refused) -> grpc.StatusCode:
        """Sends the status. gRPC itself ends the call with it as soon as the handler has returned."""
        code = statuses.code(refusal)
        _refused(refusal.reason.name).inc()
        if self._on_refused is not None:
            self._on_refused(self._method, self._context, refusal)
        earlier = tuple(self._context.trailing_metadata() or ())
        try:
            await self._context.abort(code, refusal.message, (*earlier, *statuses.trailers(refusal)))
        except grpc.aio.AbortError as ended:
            let_go(ended)  # gRPC keeps the exception with the call
        except grpc.aio.InternalError:
            return grpc.StatusCode.CANCELLED  # the caller has just gone, before gRPC noticed
        return code


def let_go(error: BaseException) -> None:
    """Drops the frames that an exception and its causes hold.

    Frames hold the request, and belong to reference cycles: a call holds its exception, the exception its frames, and
    they hold the call. The request of a refused call would stay in memory until a full garbage collection.
    """
    chain: list[BaseException | None] = [error]
    while chain:
        one = chain.pop()
        if one is not None and one.__traceback__ is not None:
            one.__traceback__ = None
            chain += (one.__cause__, one.__context__)


_refused = functools.cache(telemetry.REFUSALS.labels)
_seconds = functools.cache(telemetry.RPC_SECONDS.labels)


def refusing(method: str, why: "Refusal") -> _Handler:
    """Returns a handler that ends a call before its request is read: gRPC reads a stream only when it is asked to."""

    async def refuse(_requests: object, context: _Context) -> None:
        refusal = why if isinstance(why, Refused) else why(context)
        code = statuses.code(refusal)
        _refused(refusal.reason.name).inc()
        _seconds(method, code.name).observe(0.0)
        context.set_code(code)
        context.set_details(refusal.message)
        context.set_trailing_metadata(statuses.trailers(refusal))

    return grpc.stream_stream_rpc_method_handler(refuse)


def refusal_of(error: Exception, method: str) -> Refused:
    match error:
        case Refused():
            return error
        case errors.StorageBusy():
            return Refused(Reason.STORAGE_BUSY, "no connection to the database is free", retry_after=1.0)
        case errors.FilesUnavailable():
            log_throttle.write("warning", "files unavailable", str(error), reason=str(error))
            return Refused(Reason.STORAGE_UNAVAILABLE, "files cannot be read or written at the moment", retry_after=1.0)
        case errors.StorageUnavailable():
            log_throttle.write("warning", "storage unavailable", str(error), reason=str(error))
            return Refused(Reason.STORAGE_UNAVAILABLE, "the database cannot be reached", retry_after=1.0)
        case TimeoutError():
            return Refused(Reason.DEADLINE, "the call took longer than the server allows")
        case _:
            fresh = {"method": method, "request_id": str(uuid.uuid4())}
            logged = log_throttle.write("error", "call failed", error=error, **fresh)
            request_id = logged.get("request_id", fresh["request_id"])
            return Refused(Reason.INTERNAL, "a fault of the server", metadata={"request_id": request_id})
