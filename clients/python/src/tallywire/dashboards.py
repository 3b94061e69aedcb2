"""Dashboards: how a client lists, reads and stores them, for backups and for dashboards as code."""

from collections.abc import Callable, Sequence
from typing import Any

import grpc

from tallywire import retries
from tallywire.v1 import dashboard_service_pb2, dashboard_service_pb2_grpc

Dashboard = dashboard_service_pb2.Dashboard
# What a client calls a method with, as its questions do.
Call = Callable[["grpc.UnaryUnaryMultiCallable[Any, Any]", Callable[[], Any], retries.Policy, float | None], Any]


class Dashboards:
    """Dashboards of the organization, as `client.dashboards`. Shared ones are changed with the scope edit."""

    def __init__(self, channel: grpc.Channel, call: Call) -> None:
        self._stub = dashboard_service_pb2_grpc.DashboardServiceStub(channel)
        self._call = call

    def list(self, *, timeout: float | None = None) -> Sequence[Dashboard]:
        """Returns all dashboards that the key may see, by title, without their tiles."""
        request = dashboard_service_pb2.ListDashboardsRequest()
        return [*self._call(self._stub.ListDashboards, lambda: request, retries.QUERY, timeout).dashboards]

    def get(self, dashboard_id: str, *, version: int = 0, timeout: float | None = None) -> Dashboard:
        """Returns a dashboard, or an earlier version of it. Raises NotFound if there is none that the key may see."""
        request = dashboard_service_pb2.GetDashboardRequest(dashboard_id=dashboard_id, version=version)
        found: Dashboard = self._call(self._stub.GetDashboard, lambda: request, retries.QUERY, timeout).dashboard
        return found

    def create(self, dashboard: Dashboard, *, timeout: float | None = None) -> Dashboard:
        """Stores a new dashboard and returns it; what the service sets in the one given is ignored."""
        request = dashboard_service_pb2.CreateDashboardRequest(dashboard=dashboard)
        found: Dashboard = self._call(self._stub.CreateDashboard, lambda: request, retries.CHANGE, timeout).dashboard
        return found

    def update(self, dashboard: Dashboard, *, timeout: float | None = None) -> Dashboard:
        """Stores a new version and returns it. Raises FailedPrecondition if it was changed since its etag was read."""
        request = dashboard_service_pb2.UpdateDashboardRequest(dashboard=dashboard)
        found: Dashboard = self._call(self._stub.UpdateDashboard, lambda: request, retries.CHANGE, timeout).dashboard
        return found

    def delete(self, dashboard_id: str, *, etag: str = "", timeout: float | None = None) -> None:
        """Deletes a dashboard with its versions. Raises NotFound if there is none that the key may see."""
        request = dashboard_service_pb2.DeleteDashboardRequest(dashboard_id=dashboard_id, etag=etag)
        self._call(self._stub.DeleteDashboard, lambda: request, retries.CHANGE, timeout)
