"""Campaigns: what became of their leads, amounts in each currency, cost, and what is no campaign's."""

from datetime import timedelta
from typing import Any

import tallywire
from server.catalog import dimensions
from server.organizations.settings import OrganizationSettings
from server.rollups import audit
from server.store import members
from server.store.database import Database
from server.store.isolation import EVERY
from server.store.members import Candidate
from tallywire.v1 import (
    campaign_service_pb2,
    campaign_service_pb2_grpc,
    event_pb2,
    metrics_service_pb2,
    time_pb2,
)
from tests.support import commands, serving
from tests.support.serving import Accounts, Caller, Running, refused
from tests.support.tiny_worlds import DAY, THE_DAY, e

HOUR, A_DAY = 60, 24 * 60
SPRING = {"campaign_id": "spring"}


def lead(kind: str, minute: float, lead_id: str, campaign_id: str = "", **detail: Any) -> event_pb2.Event:
    """An event of a lead, so many minutes after noon."""
    told = event_pb2.LeadDetail(lead_id=lead_id, **detail)
    return e(f"lead.{kind}", minute, campaign_id=campaign_id, lead=told)


def cost(minute: float, micros: int, **detail: Any) -> event_pb2.Event:
    return e(
        "campaign.cost_recorded", minute, campaign=event_pb2.CampaignDetail(cost_micros=micros, **detail), **SPRING
    )


WORLD = (
    e("message.received", -3 * A_DAY),
    # The day before: what the day is compared with.
    lead("created", -A_DAY, "l0", "spring"),
    e("campaign.started", -A_DAY, campaign=event_pb2.CampaignDetail(name="Spring"), **SPRING),
    cost(0, 100, currency="EUR"),
    cost(1, 50),
    cost(2, 20, currency="USD"),
    # A value that is corrected, without a currency.
    lead("created", 0, "l1", "spring", value_micros=10, currency="EUR"),
    lead("contacted", 5, "l1"),
    lead("contacted", 6, "l1"),
    lead("converted", 30, "l1", "autumn", value_micros=40),
    # One that is lost, and open again; its creation is told after all else.
    lead("lost", 20, "l2", "spring", value_micros=7, currency="USD"),
    lead("stage_entered", 30, "l2", stage="offer"),
    lead("created", 0, "l2", "spring"),
    # One that is converted days later, by an event that names no campaign.
    lead("created", 2 * HOUR, "l3", "spring"),
    lead("converted", 3 * A_DAY, "l3", value_micros=5, currency="GBP"),
    lead("stage_entered", 0, "l4", "autumn", stage="new"),
    lead("lost", 3 * HOUR, "l4"),
    lead("created", 0, "l5", value_micros=3, currency="EUR"),
    lead("converted", 1, "l5"),
    # It does not say which lead it is.
    e("lead.created", **SPRING),
)


def counts(figures: campaign_service_pb2.CampaignFigures) -> tuple[int, ...]:
    """Leads generated, contacted, converted, lost and open."""
    one = figures
    cohort = (one.cohort_leads_contacted, one.cohort_leads_converted, one.cohort_leads_lost, one.cohort_leads_open)
    return (one.leads_generated, *cohort)


def amounts(figures: campaign_service_pb2.CampaignFigures) -> dict[str, tuple[float | None, ...]]:
    """Leads with a value, their value, its mean, revenue, cost, cost per lead and ROI, by currency."""
    names = [one.name for one in campaign_service_pb2.CampaignAmounts.DESCRIPTOR.fields if one.name != "currency"]
    return {
        one.currency: tuple(getattr(one, name) if one.HasField(name) else None for name in names)
        for one in figures.amounts
    }


async def campaigns(caller: Caller, **fields: Any) -> campaign_service_pb2.ListCampaignsResponse:
    stub = campaign_service_pb2_grpc.CampaignServiceStub(caller.channel)
    request = campaign_service_pb2.ListCampaignsRequest(time_range=THE_DAY, **fields)
    answer: campaign_service_pb2.ListCampaignsResponse = await stub.ListCampaigns(
        request, metadata=caller.metadata, timeout=20
    )
    return answer


async def campaign(caller: Caller, campaign_id: str, **fields: Any) -> campaign_service_pb2.GetCampaignResponse:
    stub = campaign_service_pb2_grpc.CampaignServiceStub(caller.channel)
    request = campaign_service_pb2.GetCampaignRequest(time_range=THE_DAY, campaign_id=campaign_id, **fields)
    answer: campaign_service_pb2.GetCampaignResponse = await stub.GetCampaign(
        request, metadata=caller.metadata, timeout=20
    )
    return answer


SPRING_AMOUNTS = {
    "EUR": (1, 40, 40, 40, 150, 150 / 3, (40 - 150) / 150),
    "GBP": (1, 5, 5, 5, 0, None, None),
    "USD": (1, 7, 7, 0, 20, 20 / 3, -1),
}


async def test_a_currency_that_only_costs_are_in(caller: Caller) -> None:
    await caller.track(cost(0, 30, currency="CHF"))
    expected = {"CHF": (0, 0, None, 0, 30, None, -1)}
    answer = await campaigns(caller)
    assert amounts(answer.campaigns[0].figures) == amounts(answer.total) == expected
    assert amounts((await campaign(caller, "spring")).campaign.figures) == expected


async def test_what_became_of_the_leads_of_campaigns(accounts: Accounts, database: Database, server: Running) -> None:
    caller = await accounts.caller(settings=OrganizationSettings(time_zone="UTC", currency="EUR"))
    other = await accounts.caller(settings=OrganizationSettings(time_zone="UTC"))
    await caller.track_all(WORLD)
    await other.track_all([e("message.received", **SPRING), lead("created", 0, "l1", value_micros=1)])

    await check_the_world(caller)
    page = await check_orders(caller)
    await check_other_roads(caller)
    # Another organization knows nothing of all that.
    assert [(one.campaign_id, one.name, counts(one.figures)[0]) for one in (await campaigns(other)).campaigns] == [
        ("spring", "", 0)
    ]
    assert amounts((await campaigns(other)).total) == {"USD": (1, 1, 1, 0, 0, None, None)}
    for call, reason in (
        (campaigns(caller, order_by="nothing"), "UNKNOWN_METRIC"),
        (campaigns(caller, currency="euro"), "INVALID_VALUE"),
        (campaigns(caller, page_token=page.next_page_token), "PAGE_TOKEN_MISMATCH"),
        (campaigns(other, order_by="roi", page_token=page.next_page_token), "PAGE_TOKEN_INVALID"),
        (campaign(other, "autumn"), "CAMPAIGN_NOT_FOUND"),
        (campaign(caller, ""), "REQUIRED_FIELD"),
    ):
        assert serving.refusal(await refused(call))[1] == reason
    await hold_the_client(server, caller)
    await check_beyond_the_limit(caller, database)
    expired = await refused(campaigns(caller, order_by="roi", page_token=page.next_page_token))
    assert serving.refusal(expired)[1] == "PAGE_TOKEN_EXPIRED"
    assert (await audit.check(database, caller.organization_id)).mismatches == 0


async def check_the_world(caller: Caller) -> None:
    """Asks for the campaigns of the day, and for one of them by the hour, beside the day before."""
    previous = time_pb2.Comparison(mode=time_pb2.COMPARISON_MODE_PREVIOUS_PERIOD)
    answer = await campaigns(caller, comparison=previous)
    assert answer.context.currency == "EUR"
    spring, autumn = answer.campaigns
    assert (spring.campaign_id, spring.name, spring.started_at.ToDatetime(DAY.tzinfo), spring.HasField("ended_at")) == (
        "spring",
        "Spring",
        DAY - timedelta(hours=12),
        False,
    )
    assert counts(spring.figures) == (3, 1, 2, 0, 1)
    assert spring.figures.lead_conversion_rate == 2 / 3
    assert list(amounts(spring.figures)) == ["EUR", "GBP", "USD"], "the organization's own currency comes first"
    assert amounts(spring.figures) == SPRING_AMOUNTS
    assert (autumn.campaign_id, counts(autumn.figures), amounts(autumn.figures)) == ("autumn", (1, 0, 0, 1, 0), {})
    assert counts(answer.without_campaign) == (1, 0, 1, 0, 0)
    assert amounts(answer.without_campaign) == {"EUR": (1, 3, 3, 3, 0, None, None)}
    assert counts(answer.total) == (5, 1, 3, 1, 1)
    assert amounts(answer.total)["EUR"][:5] == (2, 43, 21.5, 43, 150)
    assert not answer.HasField("other")
    assert (counts(spring.earlier_figures), counts(answer.earlier_total)) == ((1, 0, 0, 0, 1), (1, 0, 0, 0, 1))
    assert counts(autumn.earlier_figures) == (0, 0, 0, 0, 0)
    assert not autumn.earlier_figures.HasField("lead_conversion_rate")

    one = await campaign(caller, "spring", granularity=time_pb2.GRANULARITY_HOUR, comparison=previous)
    assert (one.campaign, len(one.points)) == (spring, 24)
    assert {
        place: counts(point.figures) for place, point in enumerate(one.points) if point.figures.leads_generated
    } == {
        12: (2, 1, 1, 0, 1),
        14: (1, 0, 1, 0, 0),
    }
    assert amounts(one.points[12].figures)["EUR"][4:] == (150, 75, (40 - 150) / 150)


async def check_orders(caller: Caller) -> campaign_service_pb2.ListCampaignsResponse:
    """Asks in other orders, a page at a time; returns the first page of the last one."""
    for order, expected in (("cohort_leads_lost", ["autumn", "spring"]), ("roi", ["spring", "autumn"])):
        page = await campaigns(caller, order_by=order, page_size=1)
        following = await campaigns(caller, order_by=order, page_size=1, page_token=page.next_page_token)
        assert [one.campaign_id for one in (*page.campaigns, *following.campaigns)] == expected, order
        assert (page.campaign_count, following.next_page_token) == (2, "")
    ascending = metrics_service_pb2.SORT_DIRECTION_ASCENDING
    by_pounds = await campaigns(caller, order_by="campaign_cost_micros", currency="GBP", direction=ascending)
    assert [one.campaign_id for one in by_pounds.campaigns] == ["spring", "autumn"]
    return page


async def check_other_roads(caller: Caller) -> None:
    """Asks for the same figures as every metric can be asked for, with the names of campaigns."""
    table = await caller.table(THE_DAY, "cohort_converted_value_micros", "leads_generated", by=["campaign", "currency"])
    rows = {tuple(row.values): [one.integer for one in row.figures] for row in table.rows}
    assert {key: row for key, row in rows.items() if row[1]} == {
        ("spring", "XXX"): [40, 1],
        ("spring", "GBP"): [5, 1],
        ("spring", "USD"): [0, 1],
    }
    assert {row.values[0]: row.display_name for row in table.rows} == {"spring": "Spring", "autumn": ""}
    table = await caller.table(THE_DAY, "leads_generated", by=["campaign"])
    assert [(row.values[0], row.display_name) for row in table.rows] == [("spring", "Spring"), ("autumn", "")]
    request = metrics_service_pb2.ListDimensionValuesRequest(dimension="campaign", time_range=THE_DAY)
    values = (await caller.ask("ListDimensionValues", request)).values
    assert {one.value: one.display_name for one in values} == {"spring": "Spring", "autumn": ""}


async def check_beyond_the_limit(caller: Caller, database: Database) -> None:
    """Asks after a campaign beyond the limit has come."""
    async with database.ingest(of=EVERY) as driver:
        beyond = Candidate(dimensions.CAMPAIGN.member_kind, "beyond", 0)
        await members.enrol(driver, {caller.organization_id: [beyond]})
    await caller.track(lead("created", 0, "l6", "beyond", value_micros=9, currency="EUR"))
    answer = await campaigns(caller)
    assert [one.campaign_id for one in answer.campaigns] == ["spring", "autumn"]
    assert (counts(answer.other), amounts(answer.other)) == ((1, 0, 0, 0, 1), {})
    assert (counts(answer.without_campaign), amounts(answer.without_campaign)) == ((1, 0, 1, 0, 0), {})
    assert amounts(answer.total)["EUR"][:2] == (3, 52)
    assert serving.refusal(await refused(campaign(caller, "beyond")))[1] == "CARDINALITY_OVERFLOW"


async def hold_the_client(server: Running, caller: Caller) -> None:
    """Asks by the client and by the command, in each of its forms."""
    dates = ("--from", "2024-05-15", "--to", "2024-05-16")
    start, end = DAY, DAY + timedelta(days=1)
    async with tallywire.AsyncClient(server.address, api_key=caller.key.secret) as client:
        listed = await client.campaigns(start, end, order_by="roi", currency="USD", ascending=True, page_size=1)
        one = await client.campaign("spring", start, end, granularity="hour", compare="previous")
    assert ([found.campaign_id for found in listed.campaigns], listed.campaign_count) == (["spring"], 2)
    assert (len(one.points), one.campaign.HasField("earlier_figures")) == (24, True)

    text = await commands.shown(server.address, caller, "campaigns", *dates, "--compare", "previous")
    lines = [line.split() for line in text.splitlines()]
    assert ["Spring", "3", "2", "66.7", "%", "EUR", "0.0000", "0.0001", "0.0001", "-73.3", "%"] in lines, text
    assert ["USD", "0.00", "0.0000", "0.0000", "-100.0", "%"] in lines, text
    assert ["No", "campaign", "1", "1", "100.0", "%", "EUR", "0.0000", "0.00", "–", "–"] in lines, text
    text = await commands.shown(server.address, caller, "campaigns", "spring", *dates, "--granularity", "hour")
    assert "Spring (spring)" in text
    assert ["Conversion", "rate", "66.7", "%"] in [line.split() for line in text.splitlines()], text

    sheet = await commands.csv(server.address, caller, "campaigns", *dates)
    found = [(row["row"], row["campaign_id"], row["currency"], row["roi"], row["leads_generated"]) for row in sheet]
    assert found[:4] == [
        ("campaign", "spring", "EUR", str((40 - 150) / 150), "3"),
        ("campaign", "spring", "GBP", "", "3"),
        ("campaign", "spring", "USD", "-1.0", "3"),
        ("campaign", "autumn", "", "", "1"),
    ]
    assert [row for row, *_ in found[4:]] == ["without_campaign", "total", "total", "total"]
    sheet = await commands.csv(server.address, caller, "campaigns", "spring", *dates, "--compare", "previous")
    assert [(row["row"], row["state"]) for row in sheet[:5]] == [
        *([("period", "")] * 3),
        ("earlier", ""),
        ("point", "whole"),
    ]
    document = await commands.document(server.address, caller, "campaigns", "spring", *dates)
    assert document["campaign"]["figures"]["cohort_leads_converted"] == 2
    assert document["campaign"]["ended_at"] is None
    assert {point["state"] for point in document["points"]} == {"whole"}
