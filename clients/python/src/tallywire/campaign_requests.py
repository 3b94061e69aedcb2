"""Requests about campaigns from friendly arguments."""

from datetime import datetime
from typing import TypedDict

from tallywire import requests
from tallywire.v1 import campaign_service_pb2, metrics_service_pb2


class CampaignsOptions(TypedDict, total=False):
    """What a list of campaigns may be besides a period.

    order_by: a figure of CampaignFigures or CampaignAmounts; without, leads_generated. With ascending, the smallest
    figure comes first. currency: that of the amounts that order campaigns; without, the organization's.
    time_zone, compare: as in other questions.
    """

    order_by: str | None
    ascending: bool
    currency: str | None
    time_zone: str | None
    compare: requests.Compare | None


def campaigns(
    start: datetime, end: datetime, options: CampaignsOptions, page_size: int | None, page_token: str
) -> campaign_service_pb2.ListCampaignsRequest:
    """Returns the request for a page of campaigns. Raises ValueError for an unknown comparison."""
    descending = metrics_service_pb2.SORT_DIRECTION_DESCENDING
    return campaign_service_pb2.ListCampaignsRequest(
        time_range=requests.time_range(start, end, options.get("time_zone")),
        order_by=options.get("order_by") or "",
        direction=metrics_service_pb2.SORT_DIRECTION_ASCENDING if options.get("ascending") else descending,
        currency=options.get("currency") or "",
        page_size=page_size or 0,
        page_token=page_token,
        comparison=requests.comparison(options.get("compare")),
    )


class CampaignOptions(TypedDict, total=False):
    """What an answer about one campaign may be besides a period: as in other questions."""

    granularity: requests.GranularityName | None
    time_zone: str | None
    week_start: requests.WeekdayName | None
    compare: requests.Compare | None


def campaign(
    campaign_id: str, start: datetime, end: datetime, options: CampaignOptions
) -> campaign_service_pb2.GetCampaignRequest:
    """Returns the request for one campaign. Raises ValueError for an unknown granularity or comparison."""
    return campaign_service_pb2.GetCampaignRequest(
        campaign_id=campaign_id,
        time_range=requests.time_range(start, end, options.get("time_zone"), options.get("week_start")),
        granularity=requests.granularity_number("granularity", options.get("granularity")),
        comparison=requests.comparison(options.get("compare")),
    )
