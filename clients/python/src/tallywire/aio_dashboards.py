"""Dashboards for asyncio code."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import grpc
import grpc.aio

from tallywire import aio_stubs, retries
from tallywire.dashboards import Dashboard
from tallywire.v1 import dashboard_service_pb2

Call = Callable[
    ["grpc.aio.UnaryUnaryMultiCallable[Any, Any]", Callable[[], Any], retries.Policy, float | None],
    Awaitable[Any],
]


class AsyncDashboards:
    """Dashboards of the organization, as `client.dashboards` of an AsyncClient."""

    def __init__(self, bound: Callable[[], aio_stubs.Stubs], call: Call) -> None:
        self._bound = bound
        self._call = call

    async def list(self, *, timeout: float | None = None) -> Sequence[Dashboard]:
        """Returns all dashboards that the key may see, by title, without their tiles."""
        request = dashboard_service_pb2.ListDashboardsRequest()
        method = self._bound().dashboards.ListDashboards
        return [*(await self._call(method, lambda: request, retries.QUERY, timeout)).dashboards]

    async def get(self, dashboard_id: str, *, version: int = 0, timeout: float | None = None) -> Dashboard:
        """Returns a dashboard, or an earlier version of it, as Dashboards.get() does."""
        request = dashboard_service_pb2.GetDashboardRequest(dashboard_id=dashboard_id, version=version)
        method = self._bound().dashboards.GetDashboard
        found: Dashboard = (await self._call(method, lambda: request, retries.QUERY, timeout)).dashboard
        return found

    async def create(self, dashboard: Dashboard, *, timeout: float | None = None) -> Dashboard:
        """Stores a new dashboard and returns it; what the service sets in the one given is ignored."""
        request = dashboard_service_pb2.CreateDashboardRequest(dashboard=dashboard)
        method = self._bound().dashboards.CreateDashboard
        found: Dashboard = (await self._call(method, lambda: request, retries.CHANGE, timeout)).dashboard
        return found

    async def update(self, dashboard: Dashboard, *, timeout: float | None = None) -> Dashboard:
        """Stores a new version and returns it, as Dashboards.update() does."""
        request = dashboard_service_pb2.UpdateDashboardRequest(dashboard=dashboard)
        method = self._bound().dashboards.UpdateDashboard
        found: Dashboard = (await self._call(method, lambda: request, retries.CHANGE, timeout)).dashboard
        return found

    async def delete(self, dashboard_id: str, *, etag: str = "", timeout: float | None = None) -> None:
        """Deletes a dashboard with its versions. Raises NotFound if there is none that the key may see."""
        request = dashboard_service_pb2.DeleteDashboardRequest(dashboard_id=dashboard_id, etag=etag)
        method = self._bound().dashboards.DeleteDashboard
        await self._call(method, lambda: request, retries.CHANGE, timeout)
