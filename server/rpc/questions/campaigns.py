"""Questions about campaigns: conversion between messages and values."""

from datetime import datetime

from google.protobuf import timestamp_pb2

from server.catalog.figures import Figures
from server.events import rules
from server.query import campaign_list
from server.query.campaign import CampaignAnswer, CampaignQuestion
from server.query.campaign_figures import CampaignFigures
from server.query.campaign_list import Campaign, CampaignList, CampaignsQuestion
from server.rpc.questions import shared
from tallywire.v1 import campaign_service_pb2

DEFAULT_PAGE_SIZE = 50


def list_question(request: campaign_service_pb2.ListCampaignsRequest) -> CampaignsQuestion:
    """Returns the question of a request; refuses invalid fields."""
    return CampaignsQuestion(
        period=shared.period(request.time_range),
        order_by=campaign_list.checked_order(request.order_by),
        descending=shared.descending(request.direction),
        currency=rules.currency("currency", request.currency) if request.currency else "",
        page_size=shared.page_size(request.page_size, DEFAULT_PAGE_SIZE, campaign_list.MAX_PAGE_SIZE),
        page_token=request.page_token,
        comparison=shared.compared_with(request.comparison),
    )


def list_response(answer: CampaignList) -> campaign_service_pb2.ListCampaignsResponse:
    """Returns the message of an answer."""
    return campaign_service_pb2.ListCampaignsResponse(
        context=shared.context(answer.context),
        campaigns=map(_campaign, answer.campaigns),
        campaign_count=answer.number,
        next_page_token=answer.next_page_token,
        total=_figures(answer.total),
        without_campaign=_figures(answer.without_campaign),
        other=_figures(answer.other),
        compared=shared.compared(answer.compared),
        earlier_total=_figures(answer.earlier_total),
    )


def question(request: campaign_service_pb2.GetCampaignRequest) -> CampaignQuestion:
    """Returns the question of a request; refuses invalid fields."""
    if not request.campaign_id:
        raise rules.required("campaign_id")
    return CampaignQuestion(
        campaign_id=rules.identifier("campaign_id", request.campaign_id, rules.MAX_ID_BYTES),
        period=shared.period(request.time_range),
        granularity=shared.granularity(request.granularity, field="granularity"),
        comparison=shared.compared_with(request.comparison),
    )


def response(answer: CampaignAnswer) -> campaign_service_pb2.GetCampaignResponse:
    """Returns the message of an answer."""
    return campaign_service_pb2.GetCampaignResponse(
        context=shared.context(answer.context),
        campaign=_campaign(answer.campaign),
        compared=shared.compared(answer.compared),
        granularity=shared.granularity_number(answer.granularity),
        points=[
            campaign_service_pb2.CampaignPoint(bucket=shared.described(bucket), figures=_figures(figures))
            for bucket, figures in zip(answer.buckets, answer.points, strict=True)
        ],
    )


def _campaign(campaign: Campaign) -> campaign_service_pb2.Campaign:
    return campaign_service_pb2.Campaign(
        campaign_id=campaign.campaign_id,
        name=campaign.described.name,
        started_at=_timestamp(campaign.described.started_at),
        ended_at=_timestamp(campaign.described.ended_at),
        figures=_figures(campaign.figures),
        earlier_figures=_figures(campaign.earlier),
    )


def _figures(figures: CampaignFigures | None) -> campaign_service_pb2.CampaignFigures | None:
    if figures is None:
        return None
    message = campaign_service_pb2.CampaignFigures(
        amounts=[_amounts(currency, one) for currency, one in (figures.amounts or {}).items()]
    )
    shared.set_figures(message, figures.counts)
    return message


def _amounts(currency: str, figures: Figures) -> campaign_service_pb2.CampaignAmounts:
    message = campaign_service_pb2.CampaignAmounts(currency=currency)
    shared.set_figures(message, figures)
    return message


def _timestamp(at: datetime | None) -> timestamp_pb2.Timestamp | None:
    if at is None:
        return None
    message = timestamp_pb2.Timestamp()
    message.FromDatetime(at)
    return message
