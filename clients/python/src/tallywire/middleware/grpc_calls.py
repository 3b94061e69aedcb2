"""What the interceptors for both kinds of gRPC servers share: one call under way, its sizes and its status."""

import asyncio
import contextlib
import functools
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, Self

import grpc

from tallywire.middleware import reports

METHOD: Final = "GRPC"
EXCLUDED: Final = ("/grpc.health.v1.Health/*", "/grpc.reflection.*", "/tallywire.v1.*")
"""The methods that interceptors leave out unless told otherwise; the last are those of this service itself."""

_CANCELLED: Final = 1
_UNKNOWN: Final = 2
_DEADLINE_EXCEEDED: Final = 4
_INTERNAL: Final = 13
_UNIMPLEMENTED: Final = 501
# A caller whose deadline passes cancels the call, which may come before the deadline has passed here.
_EARLY: Final = 0.1  # seconds
# By the number of the status.
_HTTP: Final = (200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401)


def http_status(code: int) -> int:
    """Returns the status of HTTP that stands for the number of one of gRPC."""
    return _HTTP[code] if 0 <= code < len(_HTTP) else reports.FAILED


class ServedCall:
    """A call under way. It is reported once: when it has ended, whatever ended it."""

    def __init__(self, to: reports.Reports, method: str) -> None:
        self._reports = to
        self._method = method
        self._started = time.perf_counter()
        self._deadline: float | None = None
        self._context: Any = None
        self._who: Any = {}
        self._received: int | None = None
        self._sent: int | None = None
        self._code: int | None = None
        self._ended = False

    def begins(self, context: Any) -> None:
        """Notes the context of the call, before its handler runs."""
        try:
            self._context = context
            left = context.time_remaining()
            self._deadline = None if left is None else time.perf_counter() + left
        except Exception as error:  # noqa: BLE001 - the host's work matters more than its metrics
            self._reports.trouble("looking at a call", error)
        self._who = self._reports.who(context)

    def raised(self) -> None:
        """Notes that the handler has raised something, which is a status unless it has set one."""
        self._code = self._code_set() or self._code or _UNKNOWN

    def returned(self) -> None:
        """Notes that the handler has returned."""
        self._code = self._code_set() or 0

    def receiving(self, deserialize: Callable[[bytes], Any] | None) -> Callable[[bytes], Any]:
        """Returns a deserializer that counts."""

        def counted(data: bytes) -> Any:
            self._received = (self._received or 0) + len(data)
            return data if deserialize is None else deserialize(data)

        return counted

    def sending(self, serialize: Callable[[Any], bytes] | None) -> Callable[[Any], bytes]:
        """Returns a serializer that counts."""

        def counted(message: Any) -> bytes:
            try:
                data: bytes = message if serialize is None else serialize(message)
            except BaseException:
                self._code = _INTERNAL
                raise
            self._sent = (self._sent or 0) + len(data)
            return data

        return counted

    def ends(self, *_: object) -> None:
        """Reports the call; a handler that has neither returned nor raised was given up by its caller."""
        if self._ended:
            return
        self._ended = True
        code = self._code
        if code is None:
            late = self._deadline is not None and time.perf_counter() >= self._deadline - _EARLY
            code = _DEADLINE_EXCEEDED if late else _CANCELLED
        self._send(http_status(code), self._method)

    def unknown_method(self) -> None:
        """Reports a call of a method that the server does not have: its name is the caller's invention."""
        self._send(_UNIMPLEMENTED, reports.NO_ROUTE)

    def _send(self, status: int, endpoint: str) -> None:
        self._reports.send(
            "api.called",
            self._who,
            endpoint=endpoint,
            method=METHOD,
            status_code=status,
            latency_ms=reports.milliseconds_since(self._started),
            request_bytes=self._received,
            response_bytes=self._sent,
        )

    def _code_set(self) -> int | None:
        """Returns the number of the status that the handler has set; grpc gives it as a number or as a StatusCode."""
        try:
            code = self._context.code()
            number = code.value[0] if isinstance(code, grpc.StatusCode) else code
            return None if number is None else int(number)
        except Exception as error:  # noqa: BLE001 - the host's work matters more than its metrics
            self._reports.trouble("looking at a call", error)
            return None


def rebuilt(
    handler: "grpc.RpcMethodHandler[Any, Any]", call: ServedCall, wrap: Callable[..., Callable[..., Any]]
) -> "grpc.RpcMethodHandler[Any, Any]":
    """Returns the handler of one call, of the kind that it was: its function wrapped, its messages counted."""
    kind = f"{'stream' if handler.request_streaming else 'unary'}_{'stream' if handler.response_streaming else 'unary'}"
    wrapped = wrap(getattr(handler, kind), call, streams=handler.response_streaming)
    make = getattr(grpc, f"{kind}_rpc_method_handler")
    made: grpc.RpcMethodHandler[Any, Any] = make(
        wrapped, call.receiving(handler.request_deserializer), call.sending(handler.response_serializer)
    )
    return made


def blocking(handle: Callable[..., Any], call: ServedCall, *, streams: bool) -> Callable[..., Any]:
    """Returns a function of a server of threads, wrapped; its call ends when the server says so."""

    @functools.wraps(handle)
    def run(request: Any, context: Any, *rest: Any) -> Any:
        call.begins(context)
        if not context.add_callback(call.ends):
            call.ends()  # its caller has gone
        with contextlib.ExitStack() as at_end:
            at_end.enter_context(noting(call))
            response = handle(request, context, *rest)
            if streams and response is not None:
                at_end.pop_all()  # it has not ended yet
                return _responses(response, call)
        return response

    return run


def blocking_of_asyncio(handle: Callable[..., Any], call: ServedCall, *, streams: bool) -> Callable[..., Any]:
    """Returns a function that a server of asyncio runs in a thread, wrapped; its call ends with the function."""

    @functools.wraps(handle)
    def run(request: Any, context: Any) -> Any:
        context = _CodeNoting(context)
        call.begins(context)
        with contextlib.ExitStack() as at_end:
            at_end.callback(call.ends)
            at_end.enter_context(noting(call))
            response = handle(request, context)
            if streams:
                at_end.pop_all()  # it has not ended yet
                return _responses(response, call, and_ends=True)
        return response

    return run


class noting:  # noqa: N801 - it is used like a function
    """A block that notes how a handler ends; one that is cancelled or closed has been given up by its caller."""

    def __init__(self, call: ServedCall) -> None:
        self._call = call

    def __enter__(self) -> Self:
        """Begins the block."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Notes its end."""
        if kind is None:
            self._call.returned()
        elif not isinstance(error, asyncio.CancelledError | GeneratorExit):
            self._call.raised()


class _CodeNoting:
    """The context of a function that a server of asyncio runs in a thread: that one does not tell the status set."""

    def __init__(self, context: Any) -> None:
        self._context = context
        self._code: object = None

    def __getattr__(self, name: str) -> Any:
        """Returns what the context has."""
        return getattr(self._context, name)

    def code(self) -> object:
        """Returns the status that was set."""
        return self._code

    def set_code(self, code: object) -> None:
        """Sets the status."""
        self._code = code
        self._context.set_code(code)

    def abort(self, code: object, *details: Any, **named: Any) -> None:
        """Ends the call."""
        self._code = code
        self._context.abort(code, *details, **named)

    def abort_with_status(self, status: Any) -> None:
        """Ends the call."""
        self._code = status.code
        self._context.abort_with_status(status)


def _responses(responses: Any, call: ServedCall, *, and_ends: bool = False) -> Iterator[Any]:
    """Yields the responses of a stream, and notes how it ends."""
    try:
        with noting(call):
            yield from responses
    finally:
        if and_ends:
            call.ends()
