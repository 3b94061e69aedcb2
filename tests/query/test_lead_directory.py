"""Lists of leads: what each has come to, filters, orders and pages, and who sees what."""

import itertools
import random
from datetime import timedelta
from typing import Any

import pytest

import tallywire
from server.catalog import dimensions
from server.organizations.settings import OrganizationSettings
from server.store import lead_lists, members
from server.store.database import Database
from server.store.isolation import EVERY
from server.store.members import Candidate
from server.tenancy.principal import Scope
from tallywire.v1 import directory_service_pb2_grpc, event_pb2, lead_pb2, metrics_service_pb2
from tests.support import commands, serving
from tests.support.serving import Accounts, Caller, Running, refused
from tests.support.tiny_worlds import DAY, NOON, e

ASCENDING, DESCENDING = metrics_service_pb2.SORT_DIRECTION_ASCENDING, metrics_service_pb2.SORT_DIRECTION_DESCENDING
EUROS = OrganizationSettings(time_zone="UTC", currency="EUR")
SCOPES = (Scope.INGEST, Scope.BACKFILL, Scope.READ, Scope.EVENTS)


def lead(kind: str, minute: float, lead_id: str, **fields: Any) -> event_pb2.Event:
    names = ("stage", "value_micros", "currency")
    told = {name: fields.pop(name) for name in names if name in fields}
    return e(f"lead.{kind}", minute, lead=event_pb2.LeadDetail(lead_id=lead_id, **told), **fields)


WORLD = (
    lead("created", 0, "acme-1", campaign_id="spring", value_micros=5, currency="EUR"),
    lead("stage_entered", 1, "acme-1", stage="offer", agent_id="ada"),
    lead("stage_entered", 2, "acme-1", stage="won", value_micros=70),
    lead("converted", 3, "acme-1"),
    lead("created", 10, "acme-2", campaign_id="autumn", channel="phone", team_id=""),
    lead("stage_entered", 20, "acme-2", stage="offer"),
    lead("lost", 30, "acme-2"),
    lead("stage_entered", 5, "best-1", stage="offer", value_micros=30, currency="USD", agent_id=""),
    lead("contacted", 50, "best-1"),
)


async def ask(caller: Caller, rpc: str, request: Any) -> Any:
    stub = directory_service_pb2_grpc.DirectoryServiceStub(caller.channel)
    return await getattr(stub, rpc)(request, metadata=caller.metadata, timeout=30)


async def listed(caller: Caller, **fields: Any) -> lead_pb2.ListLeadsResponse:
    answer: lead_pb2.ListLeadsResponse = await ask(caller, "ListLeads", lead_pb2.ListLeadsRequest(**fields))
    return answer


async def ids(caller: Caller, **fields: Any) -> list[str]:
    """The leads of all pages, each of one lead and more than the first alone."""
    found, token = list[str](), ""
    while True:
        page = await listed(caller, page_size=1, page_token=token, **fields)
        assert len(page.leads) <= 1
        found += [one.lead_id for one in page.leads]
        token = page.next_page_token
        if not token:
            return found


async def test_leads_are_listed_by_anything(accounts: Accounts, database: Database, server: Running) -> None:
    caller = await accounts.caller(settings=EUROS, scopes=SCOPES)
    await caller.track_all(WORLD)
    first = (await listed(caller)).leads
    assert [one.lead_id for one in first] == ["acme-2", "best-1", "acme-1"]
    acme = first[2]
    assert (acme.campaign_id, acme.agent_id, acme.latest_agent_id, acme.stage) == ("spring", "bot", "bot", "won")
    assert (acme.value_micros, acme.currency, acme.outcome) == (70, "EUR", lead_pb2.LEAD_OUTCOME_CONVERTED)
    assert acme.created_at.ToDatetime(NOON.tzinfo) == NOON
    assert not first[0].HasField("value_micros")
    for fields, expected in (
        ({"prefix": "acme"}, ["acme-2", "acme-1"]),
        ({"prefix": "acme-", "order_by": lead_pb2.LEAD_ORDER_LEAD_ID}, ["acme-1", "acme-2"]),
        ({"order_by": lead_pb2.LEAD_ORDER_LEAD_ID, "direction": DESCENDING}, ["best-1", "acme-2", "acme-1"]),
        ({"order_by": lead_pb2.LEAD_ORDER_LAST_SEEN}, ["best-1", "acme-2", "acme-1"]),
        ({"order_by": lead_pb2.LEAD_ORDER_VALUE}, ["acme-1", "best-1", "acme-2"]),
        ({"order_by": lead_pb2.LEAD_ORDER_VALUE, "direction": ASCENDING}, ["best-1", "acme-1", "acme-2"]),
        ({"direction": ASCENDING}, ["acme-1", "best-1", "acme-2"]),
        ({"campaign_id": "spring"}, ["acme-1"]),
        ({"agent_id": "bot"}, ["acme-2", "acme-1"]),
        ({"channel": "phone"}, ["acme-2"]),
        ({"team_id": "blue"}, ["best-1", "acme-1"]),
        ({"reached_stage": "offer"}, ["acme-2", "best-1", "acme-1"]),
        ({"stage": "offer"}, ["acme-2", "best-1"]),
        ({"outcome": lead_pb2.LEAD_OUTCOME_LOST}, ["acme-2"]),
        ({"outcome": lead_pb2.LEAD_OUTCOME_OPEN}, ["best-1"]),
        ({"min_value_micros": 30, "max_value_micros": 69}, ["best-1"]),
        ({"currency": "EUR"}, ["acme-1"]),  # its last value was told without a currency
        ({"currency": "USD"}, ["best-1"]),
        (
            {
                "created_from": serving.stamp(NOON + timedelta(minutes=5)),
                "created_before": serving.stamp(NOON + timedelta(minutes=10)),
            },
            ["best-1"],
        ),
        ({"prefix": "zz"}, []),
    ):
        assert await ids(caller, **fields) == expected, fields
    one = (await ask(caller, "GetLead", lead_pb2.GetLeadRequest(lead_id="acme-1"))).lead
    assert [(step.event_type, step.stage) for step in one.steps] == [
        ("lead.created", ""),
        ("lead.stage_entered", "offer"),
        ("lead.stage_entered", "won"),
        ("lead.converted", ""),
    ]
    await hold_the_client(server, caller)

    # A campaign beyond the limit is counted under another value, and is still what it is called.
    async with database.ingest(of=EVERY) as driver:
        beyond = Candidate(dimensions.CAMPAIGN.member_kind, "beyond", 0)
        await members.enrol(driver, {caller.organization_id: [beyond]})
    await caller.track(lead("created", 70, "late", campaign_id="beyond"))
    assert [(found.lead_id, found.campaign_id) for found in (await listed(caller, campaign_id="beyond")).leads] == [
        ("late", "beyond")
    ]


async def hold_the_client(server: Running, caller: Caller) -> None:
    """Asks by the client and by the commands, in each of their forms."""
    async with tallywire.AsyncClient(server.address, api_key=caller.key.secret) as client:
        found = [one.lead_id async for one in client.list_leads(page_size=1, created_from=DAY, order_by="value")]
        assert found == ["acme-1", "best-1", "acme-2"]
        assert (await client.get_lead("acme-2")).outcome == lead_pb2.LEAD_OUTCOME_LOST
    text = await commands.shown(server.address, caller, "leads", "acme", "--reached", "offer")
    assert ["acme-2", "offer", "lost"] in [line.split()[:3] for line in text.splitlines()], text
    sheet = await commands.csv(server.address, caller, "leads", "--from", "2024-05-15", "--to", "2024-05-16")
    assert [(row["lead_id"], row["outcome"]) for row in sheet] == [
        ("acme-2", "lost"),
        ("best-1", "open"),
        ("acme-1", "converted"),
    ]
    document = await commands.document(server.address, caller, "leads", "--limit", "1")
    assert [one["lead_id"] for one in document["leads"]] == ["acme-2"]
    text = await commands.shown(server.address, caller, "lead", "acme-1")
    assert "lead.stage_entered" in text
    assert [row["stage"] for row in await commands.csv(server.address, caller, "lead", "acme-1")][1:3] == [
        "offer",
        "won",
    ]


async def test_pages_neither_skip_nor_repeat_while_leads_come_in(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lead_lists, "MOST", 7)  # leads that a page looks at
    caller = await accounts.caller(scopes=SCOPES)
    dice = random.Random(1)
    created = [lead("created", dice.randrange(5), f"l{number:02}", channel=dice.choice("ab")) for number in range(40)]
    await caller.track_all(created)
    for order, direction, channel in itertools.product(
        (lead_pb2.LEAD_ORDER_CREATED, lead_pb2.LEAD_ORDER_LEAD_ID), (ASCENDING, DESCENDING), ("", "a")
    ):
        found, token, pages = list[str](), "", 0
        while True:
            page = await listed(
                caller, order_by=order, direction=direction, channel=channel, page_size=3, page_token=token
            )
            found += [one.lead_id for one in page.leads]
            token, pages = page.next_page_token, pages + 1
            await caller.track(lead("created", dice.randrange(5), f"new{order}{direction}{channel}{pages}"))
            if not token:
                break
        old = [one for one in found if one.startswith("l")]
        wanted = {event.lead.lead_id for event in created if not channel or event.channel == channel}
        assert (len(old), set(old)) == (len(wanted), wanted)
    for fields in ({"order_by": lead_pb2.LEAD_ORDER_VALUE}, {"prefix": "l"}):
        assert serving.refusal(await refused(listed(caller, **fields)))[1] == "TOO_MANY_VALUES"
    assert len((await listed(caller, order_by=lead_pb2.LEAD_ORDER_VALUE, prefix="l0", channel="a")).leads) <= 7


async def test_what_is_refused_and_who_sees_nothing(accounts: Accounts) -> None:
    caller, other = [await accounts.caller(scopes=SCOPES) for _ in range(2)]
    reader = await accounts.another(caller, scopes=[Scope.READ])
    await caller.track_all(WORLD)
    token = (await listed(caller, page_size=1)).next_page_token
    for call, reason in (
        (listed(caller, order_by=9), "INVALID_ENUM"),
        (listed(caller, outcome=9), "INVALID_ENUM"),
        (listed(caller, direction=9), "INVALID_ENUM"),
        (listed(caller, page_size=-1), "VALUE_OUT_OF_RANGE"),
        (listed(caller, min_value_micros=-1), "VALUE_OUT_OF_RANGE"),
        (listed(caller, currency="euro"), "INVALID_VALUE"),
        (listed(caller, prefix="x" * 257), "FIELD_TOO_LONG"),
        (listed(caller, stage="a\nb"), "INVALID_CHARACTER"),
        (listed(caller, page_token="x"), "PAGE_TOKEN_INVALID"),
        (listed(caller, page_token=token, stage="offer"), "PAGE_TOKEN_MISMATCH"),
        (listed(other, page_token=token), "PAGE_TOKEN_INVALID"),
        (listed(reader), "SCOPE_MISSING"),
        (ask(reader, "GetLead", lead_pb2.GetLeadRequest(lead_id="acme-1")), "SCOPE_MISSING"),
        (ask(caller, "GetLead", lead_pb2.GetLeadRequest()), "REQUIRED_FIELD"),
    ):
        assert serving.refusal(await refused(call))[1] == reason
    assert not (await listed(other)).leads
    errors = [
        await refused(ask(who, "GetLead", lead_pb2.GetLeadRequest(lead_id=lead_id)))
        for who, lead_id in ((other, "acme-1"), (caller, "nothing"))
    ]
    assert {(serving.refusal(one)[:2], one.details()) for one in errors} == {
        (("NOT_FOUND", "LEAD_NOT_FOUND"), "no event of a lead has ever named this lead_id")
    }
