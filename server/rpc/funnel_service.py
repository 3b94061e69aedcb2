"""FunnelService: the funnels that an organization has saved, and their figures."""

from typing import Any, TypeAlias

import grpc

from server.query.funnel_definitions import FunnelDefinitions
from server.rpc import funnel_conversion as conversion
from server.rpc import gate
from server.rpc.asking import Asking
from tallywire.v1 import funnel_service_pb2, funnel_service_pb2_grpc

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class FunnelService(funnel_service_pb2_grpc.FunnelServiceServicer):
    """The service that keeps the funnels of the caller's organization, and answers questions about them."""

    def __init__(self, asking: Asking, definitions: FunnelDefinitions) -> None:
        self._asking = asking
        self._definitions = definitions

    async def CreateFunnel(  # noqa: N802 - the name in the contract
        self, request: funnel_service_pb2.CreateFunnelRequest, context: _Context
    ) -> funnel_service_pb2.CreateFunnelResponse:
        """Saves a funnel."""
        made = await self._definitions.save(gate.caller().principal, *conversion.saved(request))
        return funnel_service_pb2.CreateFunnelResponse(funnel=conversion.funnel(made))

    async def GetFunnel(  # noqa: N802 - the name in the contract
        self, request: funnel_service_pb2.GetFunnelRequest, context: _Context
    ) -> funnel_service_pb2.GetFunnelResponse:
        """Returns a saved funnel."""
        found = await self._definitions.get(gate.caller().principal, conversion.name("name", request.name))
        return funnel_service_pb2.GetFunnelResponse(funnel=conversion.funnel(found))

    async def ListFunnels(  # noqa: N802 - the name in the contract
        self, request: funnel_service_pb2.ListFunnelsRequest, context: _Context
    ) -> funnel_service_pb2.ListFunnelsResponse:
        """Returns all saved funnels of the organization."""
        found = await self._definitions.listed(gate.caller().principal)
        return funnel_service_pb2.ListFunnelsResponse(funnels=map(conversion.funnel, found))

    async def DeleteFunnel(  # noqa: N802 - the name in the contract
        self, request: funnel_service_pb2.DeleteFunnelRequest, context: _Context
    ) -> funnel_service_pb2.DeleteFunnelResponse:
        """Deletes a saved funnel."""
        await self._definitions.delete(gate.caller().principal, conversion.name("name", request.name))
        return funnel_service_pb2.DeleteFunnelResponse()

    async def QueryFunnel(  # noqa: N802 - the name in the contract
        self, request: funnel_service_pb2.QueryFunnelRequest, context: _Context
    ) -> funnel_service_pb2.QueryFunnelResponse:
        """Returns the figures of a funnel."""
        return await self._asking.funnel(gate.caller().principal, request)
