"""Funnels for asyncio code."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Unpack

import grpc
import grpc.aio

from tallywire import aio_stubs, funnels, retries
from tallywire.funnels import Funnel, FunnelOptions, FunnelQueryOptions, Stage
from tallywire.v1 import funnel_service_pb2

Call = Callable[
    ["grpc.aio.UnaryUnaryMultiCallable[Any, Any]", Callable[[], Any], retries.Policy, float | None],
    Awaitable[Any],
]


class AsyncFunnels:
    """Funnels of the organization, as `client.funnels` of an AsyncClient."""

    def __init__(self, bound: Callable[[], aio_stubs.Stubs], call: Call) -> None:
        self._bound = bound
        self._call = call

    async def query(
        self,
        start: datetime,
        end: datetime,
        funnel: str | Sequence[str | Stage],
        *,
        timeout: float | None = None,
        **options: Unpack[FunnelQueryOptions],
    ) -> funnel_service_pb2.QueryFunnelResponse:
        """Returns the figures of a funnel, as Funnels.query() does."""
        request = funnels.question(start, end, funnel, options)
        method = self._bound().funnels.QueryFunnel
        found: funnel_service_pb2.QueryFunnelResponse = await self._call(
            method, lambda: request, retries.QUERY, timeout
        )
        return found

    async def create(
        self,
        name: str,
        stages: Sequence[str | Stage],
        *,
        request_id: str = "",
        timeout: float | None = None,
        **options: Unpack[FunnelOptions],
    ) -> Funnel:
        """Saves a funnel and returns it, as Funnels.create() does."""
        request = funnels.saving(name, stages, request_id, options)
        method = self._bound().funnels.CreateFunnel
        found: Funnel = (await self._call(method, lambda: request, retries.CHANGE, timeout)).funnel
        return found

    async def get(self, name: str, *, timeout: float | None = None) -> Funnel:
        """Returns a saved funnel. Raises NotFound if there is none of this name."""
        request = funnel_service_pb2.GetFunnelRequest(name=name)
        method = self._bound().funnels.GetFunnel
        found: Funnel = (await self._call(method, lambda: request, retries.QUERY, timeout)).funnel
        return found

    async def list(self, *, timeout: float | None = None) -> Sequence[Funnel]:
        """Returns all saved funnels, by name."""
        request = funnel_service_pb2.ListFunnelsRequest()
        method = self._bound().funnels.ListFunnels
        return [*(await self._call(method, lambda: request, retries.QUERY, timeout)).funnels]

    async def delete(self, name: str, *, timeout: float | None = None) -> None:
        """Deletes a saved funnel. Raises NotFound if there is none of this name."""
        request = funnel_service_pb2.DeleteFunnelRequest(name=name)
        method = self._bound().funnels.DeleteFunnel
        await self._call(method, lambda: request, retries.CHANGE, timeout)
