"""The outermost interceptor: nobody gets in without a key, and nothing gets out but a status of ours."""

import asyncio
import contextlib
import time
import urllib.parse
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeAlias

import grpc
import structlog
from google.protobuf.message import DecodeError

from server import errors, telemetry
from server.accounts import Authenticator, Principal, Scope
from server.errors import Reason, Refused
from server.rpc import statuses

_log = structlog.get_logger(__name__)
_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"

# Probes and tools call these without a key; they tell nothing about any organization.
_OPEN_SERVICES = ("/grpc.health.v1.Health/", "/grpc.reflection.v1.", "/grpc.reflection.v1alpha.")


@dataclass(frozen=True, slots=True)
class _Malformed:
    """Stands for a request whose bytes could not be parsed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who makes the current call."""

    principal: Principal
    authenticate: Callable[[], Awaitable[Principal]]  # asks again, for calls that last


_caller: ContextVar[Caller] = ContextVar("caller")


def caller() -> Caller:
    """The caller of the current call."""
    return _caller.get()


class Gate(grpc.aio.ServerInterceptor):
    """Authenticates each call, bounds its time, and turns whatever it raises into a status with details."""

    def __init__(self, authenticator: Authenticator, scopes: Mapping[str, Scope], *, max_call_seconds: float) -> None:
        self._authenticator = authenticator
        self._scopes = scopes
        self._max_call_seconds = max_call_seconds

    async def intercept_service(
        self,
        continuation: "Callable[[grpc.HandlerCallDetails], Awaitable[_Handler | None]]",
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "_Handler | None":
        """Wraps the handler of a call, and the parser of its requests."""
        handler: Any = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or method.startswith(_OPEN_SERVICES):
            return handler  # type: ignore[no-any-return]
        parse = _parser(handler.request_deserializer)
        if handler.unary_unary:
            return grpc.unary_unary_rpc_method_handler(
                self._unary(method, handler.unary_unary), parse, handler.response_serializer
            )
        if handler.stream_stream:
            return grpc.stream_stream_rpc_method_handler(
                self._stream(method, handler.stream_stream), parse, handler.response_serializer
            )
        return grpc.unary_stream_rpc_method_handler(
            self._stream(method, handler.unary_stream), parse, _serializer(handler.response_serializer)
        )

    def _unary(self, method: str, handle: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def call(request: object, context: _Context) -> object:
            async with _answering(method, context):
                async with asyncio.timeout(self._max_call_seconds):
                    await self._admit(method, context)
                    return await handle(_well_formed(request), context)

        return call

    def _stream(self, method: str, handle: Callable[..., Any]) -> Callable[..., Awaitable[None]]:
        """Wraps a handler that writes its responses to the context, so that its errors pass through here too."""

        async def call(request: object, context: _Context) -> None:
            async with _answering(method, context):
                await self._admit(method, context)
                requests = _each(request) if isinstance(request, AsyncIterator) else _well_formed(request)
                await handle(requests, context)

        return call

    async def _admit(self, method: str, context: _Context) -> None:
        credential, peer = _credential(context), _peer(context)

        async def authenticate() -> Principal:
            principal = await self._authenticator.authenticate(credential, peer)
            scope = self._scopes[method]
            if not principal.may(scope):
                raise Refused(
                    Reason.SCOPE_MISSING, f"the API key does not have the scope {scope}", metadata={"scope": scope}
                )
            return principal

        _caller.set(Caller(principal=await authenticate(), authenticate=authenticate))


def _parser(deserialize: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def parse(data: bytes) -> object:
        try:
            return deserialize(data)
        except DecodeError:
            return _Malformed()

    return parse


def _serializer(serialize: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    """Lets bytes through: what many callers get is serialized once for all of them."""
    return lambda response: response if isinstance(response, bytes) else serialize(response)


def _well_formed(request: object) -> object:
    if isinstance(request, _Malformed):
        raise Refused(Reason.MALFORMED_MESSAGE, "the request is damaged or is not the message that was expected")
    return request


async def _each(requests: AsyncIterator[object]) -> AsyncIterator[object]:
    async for request in requests:
        yield _well_formed(request)


def _credential(context: _Context) -> str:
    values = [value for key, value in context.invocation_metadata() or () if key == "authorization"]
    if len(values) > 1:
        raise Refused(Reason.AMBIGUOUS_CREDENTIALS, "more than one authorization was sent")
    scheme, _, credential = str(values[0]).partition(" ") if values else ("", "", "")
    if scheme.casefold() != "bearer" or not credential:
        raise Refused(Reason.CREDENTIALS_MISSING, "send the metadata authorization: Bearer API_KEY")
    return credential


def _peer(context: _Context) -> str:
    """The caller's address without its port."""
    return urllib.parse.unquote(context.peer()).rpartition(":")[0]


@contextlib.asynccontextmanager
async def _answering(method: str, context: _Context) -> AsyncIterator[None]:
    """Ends the call with our status for whatever is raised inside; measures how long it took."""
    started, outcome = time.perf_counter(), grpc.StatusCode.OK
    try:
        yield
    except asyncio.CancelledError:
        outcome = grpc.StatusCode.CANCELLED
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it must not reach the caller as it is
        refusal = _refusal(error, method)
        outcome = statuses.code(refusal)
        earlier = tuple(context.trailing_metadata() or ())
        await context.abort(outcome, refusal.message, (*earlier, *statuses.trailers(refusal)))
    finally:
        telemetry.RPC_SECONDS.labels(method, outcome.name).observe(time.perf_counter() - started)


def _refusal(error: Exception, method: str) -> Refused:
    match error:
        case Refused():
            return error
        case errors.StorageUnavailable():
            _log.warning("storage unavailable", method=method, error=str(error))
            return Refused(Reason.STORAGE_UNAVAILABLE, "the database cannot be reached", retry_after=1.0)
        case TimeoutError():
            return Refused(Reason.DEADLINE, "the call took longer than the server allows")
        case _:
            request_id = str(uuid.uuid4())
            _log.error("call failed", method=method, request_id=request_id, exc_info=error)
            return Refused(Reason.INTERNAL, "a fault of the server", metadata={"request_id": request_id})
