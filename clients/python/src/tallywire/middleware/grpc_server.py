"""Interceptors for gRPC servers, of threads and of asyncio."""

import contextlib
import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

import grpc
import grpc.aio

from tallywire import tracker
from tallywire.middleware import grpc_calls, reports


class GrpcInterceptor(grpc.ServerInterceptor):
    """An interceptor of grpc.server() that reports each call, unary or stream, as `api.called`.

    The endpoint is the full method, `/package.Service/Method`, and the status a number of HTTP: 404 for NOT_FOUND, 499
    for a caller that went away. `who` returns who a call is about, from its ServicerContext, before the handler runs.
    Methods that match a pattern of `exclude` are not reported; with a `sample_rate` below 1 each call is with that
    probability. Put it first, so that calls are reported that other interceptors refuse.
    """

    def __init__(
        self,
        tracker: tracker.Tracker,
        *,
        who: reports.WhoOf | None = None,
        exclude: Iterable[str] = grpc_calls.EXCLUDED,
        sample_rate: float = 1.0,
    ) -> None:
        self._reports = reports.Reports(tracker, who, exclude, sample_rate)

    def intercept_service(
        self,
        continuation: "Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None]",
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Returns the handler of a call, wrapped."""
        handler = continuation(handler_call_details)
        return _wrapped(self._reports, handler, handler_call_details, grpc_calls.blocking)


class AsyncGrpcInterceptor(grpc.aio.ServerInterceptor):
    """The same for grpc.aio.server(), whose handlers may be coroutines, generators or ordinary functions."""

    def __init__(
        self,
        tracker: tracker.Tracker,
        *,
        who: reports.WhoOf | None = None,
        exclude: Iterable[str] = grpc_calls.EXCLUDED,
        sample_rate: float = 1.0,
    ) -> None:
        self._reports = reports.Reports(tracker, who, exclude, sample_rate)

    async def intercept_service(
        self,
        continuation: "Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]]",
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Returns the handler of a call, wrapped."""
        handler = await continuation(handler_call_details)
        return _wrapped(self._reports, handler, handler_call_details, _either)


def _wrapped(
    to: reports.Reports,
    handler: "grpc.RpcMethodHandler[Any, Any] | None",
    details: grpc.HandlerCallDetails,
    wrap: Callable[..., Callable[..., Any]],
) -> "grpc.RpcMethodHandler[Any, Any] | None":
    """Returns the handler of one call so that the call is reported, or as it is."""
    try:
        if not to.wants(details.method):
            return handler
        call = grpc_calls.ServedCall(to, details.method)
        if handler is None:
            call.unknown_method()
            return None
        return grpc_calls.rebuilt(handler, call, wrap)
    except Exception as error:  # noqa: BLE001 - the host's work matters more than its metrics
        to.trouble("an interceptor", error)
        return handler


def _either(handle: Callable[..., Any], call: grpc_calls.ServedCall, *, streams: bool) -> Callable[..., Any]:
    """Returns a function of a grpc.aio server, wrapped as what it is: the server looks at that."""
    if inspect.iscoroutinefunction(handle):
        return _coroutine(handle, call)
    if inspect.isasyncgenfunction(handle):
        return _generator(handle, call)
    return grpc_calls.blocking_of_asyncio(handle, call, streams=streams)


def _coroutine(handle: Callable[..., Awaitable[Any]], call: grpc_calls.ServedCall) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(handle)
    async def run(request: Any, context: Any) -> Any:
        call.begins(context)
        context.add_done_callback(call.ends)
        with grpc_calls.noting(call):
            return await handle(request, context)

    return run


def _generator(handle: Callable[..., Any], call: grpc_calls.ServedCall) -> Callable[..., AsyncIterator[Any]]:
    @functools.wraps(handle)
    async def run(request: Any, context: Any) -> AsyncIterator[Any]:
        call.begins(context)
        context.add_done_callback(call.ends)
        with grpc_calls.noting(call):
            async with contextlib.aclosing(handle(request, context)) as responses:
                async for response in responses:
                    yield response

    return run
