"""CampaignService: questions about campaigns and their answers."""

from typing import Any, TypeAlias

import grpc

from server.rpc import gate
from server.rpc.asking import Asking
from tallywire.v1 import campaign_service_pb2, campaign_service_pb2_grpc

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class CampaignService(campaign_service_pb2_grpc.CampaignServiceServicer):
    """The service that answers questions about the campaigns of the caller's organization."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    async def ListCampaigns(  # noqa: N802 - the name in the contract
        self, request: campaign_service_pb2.ListCampaignsRequest, context: _Context
    ) -> campaign_service_pb2.ListCampaignsResponse:
        """Returns a page of campaigns."""
        return await self._asking.campaigns(gate.caller().principal, request)

    async def GetCampaign(  # noqa: N802 - the name in the contract
        self, request: campaign_service_pb2.GetCampaignRequest, context: _Context
    ) -> campaign_service_pb2.GetCampaignResponse:
        """Returns the figures of one campaign."""
        return await self._asking.campaign(gate.caller().principal, request)
