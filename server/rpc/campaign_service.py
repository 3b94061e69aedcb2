"""CampaignService: questions about campaigns and their answers."""

from typing import Any, TypeAlias

import grpc

from server.query import campaign, campaign_list
from server.query.page_tokens import PageTokens
from server.query.queries import Queries
from server.rpc import gate
from server.rpc.questions import campaigns as messages
from tallywire.v1 import campaign_service_pb2, campaign_service_pb2_grpc

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class CampaignService(campaign_service_pb2_grpc.CampaignServiceServicer):
    """The service that answers questions about the campaigns of the caller's organization."""

    def __init__(self, queries: Queries, tokens: PageTokens) -> None:
        self._queries = queries
        self._tokens = tokens

    async def ListCampaigns(  # noqa: N802 - the name in the contract
        self, request: campaign_service_pb2.ListCampaignsRequest, context: _Context
    ) -> campaign_service_pb2.ListCampaignsResponse:
        """Returns a page of campaigns."""
        question = messages.list_question(request)
        return messages.list_response(
            await campaign_list.answer(self._queries, self._tokens, gate.caller().principal, question)
        )

    async def GetCampaign(  # noqa: N802 - the name in the contract
        self, request: campaign_service_pb2.GetCampaignRequest, context: _Context
    ) -> campaign_service_pb2.GetCampaignResponse:
        """Returns the figures of one campaign."""
        question = messages.question(request)
        return messages.response(await campaign.answer(self._queries, gate.caller().principal, question))
