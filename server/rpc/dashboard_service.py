"""DashboardService: dashboards, which are lists of questions."""

from typing import Any, TypeAlias

import grpc

from server.events import rules
from server.rpc import dashboard_conversion as conversion
from server.rpc import dashboard_templates, gate
from server.workspace.dashboards import Copy, SavedDashboards
from tallywire.v1 import dashboard_service_pb2, dashboard_service_pb2_grpc

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class DashboardService(dashboard_service_pb2_grpc.DashboardServiceServicer):
    """The service that keeps the dashboards of the caller's organization."""

    def __init__(self, dashboards: SavedDashboards) -> None:
        self._dashboards = dashboards

    async def CreateDashboard(  # noqa: N802 - the name in the contract
        self, request: dashboard_service_pb2.CreateDashboardRequest, context: _Context
    ) -> dashboard_service_pb2.CreateDashboardResponse:
        """Stores a new dashboard."""
        principal, draft = gate.caller().principal, conversion.draft(request.dashboard)
        made = await self._dashboards.create(principal, draft, gate.actor(context))
        return dashboard_service_pb2.CreateDashboardResponse(dashboard=conversion.dashboard(principal, made))

    async def GetDashboard(  # noqa: N802 - the name in the contract
        self, request: dashboard_service_pb2.GetDashboardRequest, context: _Context
    ) -> dashboard_service_pb2.GetDashboardResponse:
        """Returns a dashboard."""
        principal, dashboard_id = gate.caller().principal, conversion.dashboard_id(request.dashboard_id)
        found = await self._dashboards.get(principal, dashboard_id, conversion.version(request.version))
        return dashboard_service_pb2.GetDashboardResponse(dashboard=conversion.dashboard(principal, found))

    async def ListDashboards(  # noqa: N802 - the name in the contract
        self, request: dashboard_service_pb2.ListDashboardsRequest, context: _Context
    ) -> dashboard_service_pb2.ListDashboardsResponse:
        """Returns all dashboards that the caller may see."""
        principal = gate.caller().principal
        found = await self._dashboards.listed(principal)
        return dashboard_service_pb2.ListDashboardsResponse(
            dashboards=[conversion.dashboard(principal, one) for one in found]
        )

    async def UpdateDashboard(  # noqa: N802 - the name in the contract
        self, request: dashboard_service_pb2.UpdateDashboardRequest, context: _Context
    ) -> dashboard_service_pb2.UpdateDashboardResponse:
        """Stores a new version of a dashboard."""
        principal, wanted = gate.caller().principal, request.dashboard
        if not wanted.dashboard_id:
            raise rules.required("dashboard.dashboard_id")
        dashboard_id, draft = conversion.dashboard_id(wanted.dashboard_id), conversion.draft(wanted)
        made = await self._dashboards.update(principal, dashboard_id, wanted.etag, draft, gate.actor(context))
        return dashboard_service_pb2.UpdateDashboardResponse(dashboard=conversion.dashboard(principal, made))

    async def DeleteDashboard(  # noqa: N802 - the name in the contract
        self, request: dashboard_service_pb2.DeleteDashboardRequest, context: _Context
    ) -> dashboard_service_pb2.DeleteDashboardResponse:
        """Deletes a dashboard."""
        dashboard_id = conversion.dashboard_id(request.dashboard_id)
        await self._dashboards.delete(gate.caller().principal, dashboard_id, request.etag, gate.actor(context))
        return dashboard_service_pb2.DeleteDashboardResponse()

    async def DuplicateDashboard(  # noqa: N802 - the name in the contract
        self, request: dashboard_service_pb2.DuplicateDashboardRequest, context: _Context
    ) -> dashboard_service_pb2.DuplicateDashboardResponse:
        """Stores a copy of a dashboard."""
        principal, dashboard_id = gate.caller().principal, conversion.dashboard_id(request.dashboard_id)
        copy = Copy(
            title=conversion.title("title", request.title),
            is_shared=conversion.is_shared(request.visibility, "visibility"),
        )
        made = await self._dashboards.duplicate(principal, dashboard_id, copy, gate.actor(context))
        return dashboard_service_pb2.DuplicateDashboardResponse(dashboard=conversion.dashboard(principal, made))

    async def ListDashboardVersions(  # noqa: N802 - the name in the contract
        self, request: dashboard_service_pb2.ListDashboardVersionsRequest, context: _Context
    ) -> dashboard_service_pb2.ListDashboardVersionsResponse:
        """Returns the versions of a dashboard."""
        dashboard_id = conversion.dashboard_id(request.dashboard_id)
        found = await self._dashboards.versions(gate.caller().principal, dashboard_id)
        return dashboard_service_pb2.ListDashboardVersionsResponse(versions=conversion.versions(found))

    async def ListDashboardTemplates(  # noqa: N802 - the name in the contract
        self, request: dashboard_service_pb2.ListDashboardTemplatesRequest, context: _Context
    ) -> dashboard_service_pb2.ListDashboardTemplatesResponse:
        """Returns dashboards to begin with."""
        return dashboard_service_pb2.ListDashboardTemplatesResponse(templates=dashboard_templates.all_templates())
