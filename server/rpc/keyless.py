"""Calls that need no key, from probes and tools. Anybody can make them, so they may occupy little.

A subscription to health over the limit ends with UNIMPLEMENTED: gRPC's clients then do without health checks and treat
the server as healthy, so that no client is locked out by others. gRPC holds the request of such a call for as long as
the call lasts, so a long request is refused; valid requests name services and files, whose names are short.
"""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeAlias

import grpc

_SERVICES = ("/grpc.health.v1.Health/", "/grpc.reflection.v1.", "/grpc.reflection.v1alpha.")
_LONGEST_REQUEST = 1024  # bytes
_MOST_WATCHES = 1000  # 32 KiB each
_MOST_TOOLS, _TOOL_SECONDS = 50, 60.0  # calls to reflection, and how long each may last
_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


def needs_no_key(method: str) -> bool:
    """Returns whether a method says nothing about any organization and needs no key."""
    return method.startswith(_SERVICES)


class Keyless:
    """The limits of what calls without a key occupy on a server."""

    def __init__(self) -> None:
        self._watches = Places(_MOST_WATCHES)
        self._tools = Places(_MOST_TOOLS)

    def wrap(self, handler: Any) -> _Handler:
        """Returns the handler of a method, within these limits."""
        short, answer = functools.partial(_short, handler.request_deserializer), handler.response_serializer
        if handler.unary_unary:
            return grpc.unary_unary_rpc_method_handler(_once(handler.unary_unary), short, answer)
        if handler.unary_stream:
            return grpc.unary_stream_rpc_method_handler(self._watch(handler.unary_stream), short, answer)
        return grpc.stream_stream_rpc_method_handler(self._tool(handler.stream_stream), short, answer)

    def _watch(self, handle: Callable[..., Any]) -> Callable[..., Any]:
        async def call(request: object | None, context: _Context) -> None:
            with self._watches.one() as free:
                if request is None:
                    _too_long(context)
                elif not free:
                    _end(context, grpc.StatusCode.UNIMPLEMENTED, "too many subscriptions to health: use Check")
                else:
                    await handle(request, context)

        return call

    def _tool(self, handle: Callable[..., Any]) -> Callable[..., Any]:
        async def call(requests: AsyncIterator[object | None], context: _Context) -> None:
            with self._tools.one() as free:
                if not free:
                    _end(context, grpc.StatusCode.RESOURCE_EXHAUSTED, "too many calls to reflection: try again later")
                    return
                try:
                    async with asyncio.timeout(_TOOL_SECONDS):
                        async for answer in handle(_until_too_long(requests, context), context):
                            await context.write(answer)
                except TimeoutError:
                    _end(context, grpc.StatusCode.DEADLINE_EXCEEDED, "a call to reflection may last for a minute")

        return call


class Places:
    """A limited number of places for calls that last."""

    def __init__(self, most: int) -> None:
        self._free = most

    @contextlib.contextmanager
    def one(self) -> Iterator[bool]:
        """Takes a place for the length of the block; gives False if none is free."""
        if not self._free:
            yield False
            return
        self._free -= 1
        try:
            yield True
        finally:
            self._free += 1


def _once(handle: Callable[..., Any]) -> Callable[..., Any]:
    async def call(request: object | None, context: _Context) -> object:
        if request is not None:
            return await handle(request, context)
        _too_long(context)
        return None

    return call


async def _until_too_long(requests: AsyncIterator[object | None], context: _Context) -> AsyncIterator[object]:
    async for request in requests:
        if request is None:
            _too_long(context)
            return
        yield request


def _short(deserialize: Callable[[bytes], object], data: bytes) -> object | None:
    """Returns the message; None if it is too long to be parsed."""
    return deserialize(data) if len(data) <= _LONGEST_REQUEST else None


def _too_long(context: _Context) -> None:
    _end(context, grpc.StatusCode.INVALID_ARGUMENT, f"the request is longer than {_LONGEST_REQUEST} bytes")


def _end(context: _Context, code: grpc.StatusCode, details: str) -> None:
    """Ends a call whose handler now returns; an exception would hold on to it."""
    context.set_code(code)
    context.set_details(details)
