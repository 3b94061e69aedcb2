"""Funnels by the service: what the stages come to, saved ones, what is refused, and who sees what."""

from datetime import timedelta
from typing import Any

import pytest
from google.protobuf import duration_pb2

import tallywire
from server.query import funnel
from server.store import organizations
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy.principal import Scope
from server.timerange import floor_bucket
from tallywire import funnels
from tallywire.v1 import event_pb2, funnel_service_pb2, funnel_service_pb2_grpc
from tests.support import commands, serving
from tests.support.serving import EVERYTHING, Accounts, Caller, Running, refused
from tests.support.tiny_worlds import DAY, THE_DAY, e

HOUR = 60
PATH = ("lead.created", "offer", "lead.converted")
LONG_AGO = "2024-05-15"


def lead(kind: str, minute: float, lead_id: str, stage: str = "", **fields: Any) -> event_pb2.Event:
    told = event_pb2.LeadDetail(lead_id=lead_id, stage=stage)
    return e(f"lead.{kind}", minute, lead=told, **fields)


WORLD = (
    lead("created", 0, "a", campaign_id="spring"),
    lead("stage_entered", 0, "a", "offer"),  # at the same time: in order
    lead("converted", 30, "a"),
    lead("converted", 90, "b"),  # before the offer, and again after it
    lead("stage_entered", 100, "b", "offer"),
    lead("converted", 160, "b"),
    lead("created", 60, "b", campaign_id="spring"),
    lead("stage_entered", 10, "c", "offer"),  # before its creation alone
    lead("created", 20, "c", campaign_id="autumn"),
    lead("created", 5, "d"),
    lead("stage_entered", 5 + 40 * 24 * HOUR, "d", "offer"),  # after the window
    lead("created", -24 * HOUR, "e"),  # before the period
    lead("stage_entered", 1, "e", "offer"),
    e("message.received", 0, user_id="u1", conversation_id="t1", properties={"plan": "gold", "seats": 3}),
    e("message.received", 1, user_id="u2", properties={"plan": "free"}),
    e("message.sent", 2, user_id="u1", message=event_pb2.MessageDetail(model="small")),
    e("message.sent", 3, user_id="u2", message=event_pb2.MessageDetail(model="large")),
    e("order.placed", 4, user_id="u1"),
)


def stage(text: str) -> funnels.Stage:
    return funnels.stage(text) if "." in text else funnels.stage("lead.stage_entered", text)


def defined(*stages: str | funnels.Stage, **fields: Any) -> funnel_service_pb2.FunnelDefinition:
    made = [stage(one) if isinstance(one, str) else one for one in stages]
    return funnel_service_pb2.FunnelDefinition(stages=made, **fields)


def stub(caller: Caller) -> funnel_service_pb2_grpc.FunnelServiceStub:
    return funnel_service_pb2_grpc.FunnelServiceStub(caller.channel)


async def ask(caller: Caller, rpc: str, request: Any) -> Any:
    return await getattr(stub(caller), rpc)(request, metadata=caller.metadata, timeout=30)


async def query(caller: Caller, *stages: str | funnels.Stage, **fields: Any) -> Any:
    """The figures of a funnel over the day; what is no field of the request is one of the definition."""
    own = {name: fields.pop(name) for name in ("entity", "order", "window") if name in fields}
    if stages:
        fields["definition"] = defined(*stages, **own)
    return await ask(caller, "QueryFunnel", funnel_service_pb2.QueryFunnelRequest(time_range=THE_DAY, **fields))


def counts(figures: funnel_service_pb2.FunnelFigures) -> list[tuple[int, ...]]:
    """Entered, converted, left and still inside of each stage."""
    return [(one.entered, one.converted, one.left, one.still_inside) for one in figures.stages]


async def test_leads_go_through_stages(accounts: Accounts, server: Running) -> None:
    caller = await accounts.caller(scopes=[Scope.ADMIN])
    await caller.track_all(WORLD[:3])
    await query(caller, *PATH)  # whatever comes later is in the next answer
    await caller.track_all(WORLD[3:])
    answer = await query(caller, *PATH, breakdown="campaign", top=1)
    assert counts(answer.total) == [(4, 2, 2, 0), (2, 2, 0, 0), (2, 0, 0, 0)]
    first, offer, won = answer.total.stages
    assert [one.name for one in answer.total.stages] == list(PATH)
    assert (first.conversion_rate, first.drop_off_rate, first.overall_conversion_rate) == (0.5, 0.5, 1)
    assert (won.overall_conversion_rate, won.HasField("conversion_rate"), won.HasField("left")) == (0.5, False, False)
    assert not first.HasField("median_time_ms")
    assert (offer.median_time_ms, offer.p95_time_ms) == (0, 40 * 60_000)
    assert (won.median_time_ms, won.p95_time_ms) == (30 * 60_000, 60 * 60_000)
    assert [(row.value, counts(row.figures)[0]) for row in answer.rows] == [("spring", (2, 2, 0, 0))]
    assert counts(answer.other)[0] == (1, 0, 1, 0)
    assert counts(answer.without_value)[0] == (1, 0, 1, 0)
    assert answer.value_count == 2
    assert (answer.definition.window.ToTimedelta(), answer.context.as_of_revision > 0) == (timedelta(days=30), True)

    spring = funnel_service_pb2.FunnelFilter(path="campaign", text="spring")
    assert counts((await query(caller, *PATH, filters=[spring])).total)[0] == (2, 2, 0, 0)
    longer = duration_pb2.Duration(seconds=50 * 86_400)
    assert counts((await query(caller, *PATH, window=longer)).total)[0] == (4, 3, 1, 0)
    any_order = await query(caller, *PATH, order=funnel_service_pb2.FUNNEL_ORDER_ANY_ORDER)
    assert [one.entered for one in any_order.total.stages] == [5, 3, 2]  # e enters in the day by its offer
    assert [one.reached for one in any_order.total.stages] == [4, 4, 2]
    again = await query(caller, "lead.converted", "lead.converted")
    assert counts(again.total) == [(2, 1, 1, 0), (1, 0, 0, 0)]
    assert again.total.stages[1].median_time_ms == 70 * 60_000
    await hold_the_client(server, caller)


async def hold_the_client(server: Running, caller: Caller) -> None:
    """Asks by the clients and by the command, in each of its forms."""
    dates = ("--from", LONG_AGO, "--to", "2024-05-16")
    own = ("--stage", "lead.created", "--stage", "lead.stage_entered:offer", "--stage", "lead.converted")
    start, end = DAY, DAY + timedelta(days=1)
    async with tallywire.AsyncClient(server.address, api_key=caller.key.secret) as client:
        made = await client.funnels.create("Sales", [stage(one) for one in PATH], request_id="r1")
        assert await client.funnels.create("Sales", [stage(one) for one in PATH], request_id="r1") == made
        assert [one.name for one in await client.funnels.list()] == ["Sales"]
        found = await client.funnels.query(start, end, "Sales", where={"campaign": "spring"}, breakdown="campaign")
        assert [row.value for row in found.rows] == ["spring"]
        assert (await client.funnels.get("Sales")).definition == found.definition
    text = await commands.shown(server.address, caller, "funnel", *own, *dates, "--by", "campaign")
    lines = [line.split() for line in text.splitlines()]
    assert ["offer", "2", "100.0", "%", "50.0", "%", "0", "0", "0", "ms", "40.0", "min"] in [
        line[:12] for line in lines
    ], text
    assert ["No", "campaign", "1", "0", "0.0", "%", "0"] in lines, text
    sheet = await commands.csv(server.address, caller, "funnel", "Sales", *dates)
    assert [(row["row"], row["name"], row["entered"]) for row in sheet] == [
        ("total", name, entered) for name, entered in zip(PATH, ("4", "2", "2"), strict=True)
    ]
    document = await commands.document(server.address, caller, "funnel", "Sales", *dates)
    assert document["total"]["stages"][1]["converted"] == 2
    assert "Sales" in await commands.shown(server.address, caller, "funnels", "list")
    await commands.shown(server.address, caller, "funnels", "create", "Other", *own, "--window", "12h")
    assert await commands.output(server.address, caller, "funnels", "delete", "Other") == "deleted Other\n"
    assert "Other" in await commands.refused(server.address, caller, "funnel", "Other", *dates)


async def test_events_of_any_type_make_funnels(
    accounts: Accounts, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = await accounts.caller(scopes=[*EVERYTHING, Scope.EVENTS])
    await caller.track_all(WORLD)
    user = {"entity": funnel_service_pb2.FUNNEL_ENTITY_USER}
    small = funnels.stage("message.sent", where=("detail.model", "small"), name="Answered by small")
    answer = await query(caller, "message.received", small, "order.placed", **user, breakdown="properties.plan")
    assert counts(answer.total) == [(2, 1, 1, 0), (1, 1, 0, 0), (1, 0, 0, 0)]
    assert {row.value: counts(row.figures)[1][0] for row in answer.rows} == {"free": 0, "gold": 1}
    assert answer.total.stages[1].name == "Answered by small"
    seats = funnel_service_pb2.FunnelFilter(path="properties.seats", number=3)
    assert counts((await query(caller, "message.received", "message.sent", **user, filters=[seats])).total)[0][0] == 1
    conversations = {"entity": funnel_service_pb2.FUNNEL_ENTITY_CONVERSATION}
    assert counts((await query(caller, "message.received", "message.sent", **conversations)).total)[0] == (1, 0, 1, 0)
    gone = await query(caller, "lead.created", "offer", filters=[seats])
    assert counts(gone.total)[0][0] == 0, "what lead rows do not say is read from events"
    monkeypatch.setattr(funnel, "MAX_EVENTS", 3)
    too_many = query(caller, "message.received", "message.sent", **user)
    assert serving.refusal(await refused(too_many))[:2] == ("FAILED_PRECONDITION", "TOO_MANY_RAW_EVENTS")
    async with database.transaction(of=EVERY) as driver:
        await organizations.raise_raw_from(driver, caller.organization_id, floor_bucket(DAY) + 1)
    gone = query(caller, "message.received", "message.sent", **user)
    assert serving.refusal(await refused(gone))[:2] == ("FAILED_PRECONDITION", "RAW_EVENTS_GONE")
    assert counts((await query(caller, *PATH)).total)[0][0] == 4, "what is kept of leads needs no raw events"


async def test_who_is_still_inside(caller: Caller) -> None:
    now = serving.now()
    created = [
        serving.event("lead.created", at=now - timedelta(hours=hours), lead=event_pb2.LeadDetail(lead_id=f"l{hours}"))
        for hours in (1, 2, 30)
    ]
    lost = serving.event("lead.lost", at=now - timedelta(minutes=5), lead=event_pb2.LeadDetail(lead_id="l2"))
    await caller.track_all([*created, lost])
    request = funnel_service_pb2.QueryFunnelRequest(
        time_range=serving.period(now - timedelta(days=2), now + timedelta(hours=1)),
        definition=defined("lead.created", "lead.converted", window=duration_pb2.Duration(seconds=86_400)),
    )
    answer = await ask(caller, "QueryFunnel", request)
    assert counts(answer.total) == [(3, 0, 2, 1), (0, 0, 0, 0)]
    assert not answer.total.stages[1].HasField("median_time_ms")
    empty = await query(caller, *PATH)
    assert counts(empty.total) == [(0, 0, 0, 0)] * 3
    assert not any(
        empty.total.stages[0].HasField(name)
        for name in ("conversion_rate", "overall_conversion_rate", "drop_off_rate", "median_time_ms")
    )


async def test_saved_funnels_belong_to_their_organization(accounts: Accounts) -> None:
    caller = await accounts.caller(scopes=[*EVERYTHING, Scope.ADMIN])
    other = await accounts.caller(scopes=[*EVERYTHING, Scope.ADMIN])
    reader = await accounts.another(caller, scopes=[Scope.READ])
    own = defined(funnels.stage("order.placed", where=("properties.paid", True)), "message.sent")

    def saving(name: str, request_id: str = "", what: Any = own) -> Any:
        funnel = funnel_service_pb2.Funnel(name=name, definition=what)
        return funnel_service_pb2.CreateFunnelRequest(funnel=funnel, request_id=request_id)

    made = (await ask(caller, "CreateFunnel", saving("Orders", "one"))).funnel
    assert (await ask(caller, "CreateFunnel", saving("Orders", "one"))).funnel == made
    got = await ask(reader, "GetFunnel", funnel_service_pb2.GetFunnelRequest(name="Orders"))
    assert got.funnel == made
    assert made.definition.stages[0].filter.truth is True
    for request, field in (
        (saving("Orders"), "funnel.name"),
        (saving("Orders", "two"), "funnel.name"),
        (saving("More", "one"), "request_id"),
        (saving("Orders", "one", defined(*PATH)), "request_id"),
    ):
        error = serving.refusal(await refused(ask(caller, "CreateFunnel", request)))
        assert error[:3] == ("ALREADY_EXISTS", "FUNNEL_EXISTS", field)
    for name in ("Orders", "nothing"):
        for rpc, request in (
            ("GetFunnel", funnel_service_pb2.GetFunnelRequest(name=name)),
            ("DeleteFunnel", funnel_service_pb2.DeleteFunnelRequest(name=name)),
            ("QueryFunnel", funnel_service_pb2.QueryFunnelRequest(time_range=THE_DAY, name=name)),
        ):
            error = await refused(ask(other, rpc, request))
            assert serving.refusal(error)[:2] == ("NOT_FOUND", "FUNNEL_NOT_FOUND")
            assert error.details() == f"the organization has no saved funnel {name!r}"
    assert not (await ask(other, "ListFunnels", funnel_service_pb2.ListFunnelsRequest())).funnels
    assert (await ask(other, "CreateFunnel", saving("Orders", "one"))).funnel.name == "Orders"
    for rpc, request in (
        ("CreateFunnel", saving("Mine")),
        ("DeleteFunnel", funnel_service_pb2.DeleteFunnelRequest(name="Orders")),
    ):
        assert serving.refusal(await refused(ask(reader, rpc, request)))[1] == "SCOPE_MISSING"
    saved = funnel_service_pb2.QueryFunnelRequest(time_range=serving.today(), name="Orders")
    shown = (await ask(reader, "QueryFunnel", saved)).definition
    assert shown.stages[0].filter.path == "properties.paid", "whoever saved it may see properties"
    told = funnel_service_pb2.QueryFunnelRequest(time_range=serving.today(), definition=own)
    narrowed = funnel_service_pb2.QueryFunnelRequest(time_range=serving.today(), name="Orders")
    narrowed.filters.add(path="detail.question", text="why?")
    broken = funnel_service_pb2.QueryFunnelRequest(
        time_range=serving.today(), name="Orders", breakdown="properties.email"
    )
    for request in (told, narrowed, broken):
        assert serving.refusal(await refused(ask(reader, "QueryFunnel", request)))[1] == "SCOPE_MISSING"
    for number in range(99):
        await ask(caller, "CreateFunnel", saving(f"f{number}"))
    assert serving.refusal(await refused(ask(caller, "CreateFunnel", saving("one more"))))[1] == "FUNNEL_LIMIT"
    await ask(caller, "DeleteFunnel", funnel_service_pb2.DeleteFunnelRequest(name="Orders"))
    await ask(caller, "CreateFunnel", saving("one more"))


async def test_what_is_no_funnel_is_refused(caller: Caller) -> None:
    text = funnels.stage("message.sent", where=("agent", "x"))
    text.filter.number = 1
    day, year = duration_pb2.Duration(seconds=86_400), duration_pb2.Duration(seconds=367 * 86_400)
    any_order = funnel_service_pb2.FUNNEL_ORDER_ANY_ORDER
    for call, reason in (
        (query(caller), "REQUIRED_FIELD"),
        (query(caller, name="x" * 101), "FIELD_TOO_LONG"),
        (query(caller, "lead.created"), "VALUE_OUT_OF_RANGE"),
        (query(caller, *(f"a.b{number}" for number in range(21))), "VALUE_OUT_OF_RANGE"),
        (query(caller, "lead.created", funnels.stage("")), "REQUIRED_FIELD"),
        (query(caller, "lead.created", funnels.stage("No Type")), "INVALID_EVENT_TYPE"),
        (query(caller, "lead.created", funnels.stage("lead.lost", "offer")), "INVALID_VALUE"),
        (query(caller, "lead.created", "lead.created", order=any_order), "INVALID_VALUE"),
        (query(caller, "lead.created", text), "INVALID_VALUE"),
        (query(caller, "lead.created", funnels.stage("lead.lost", where=("detail.model", "x"))), "INVALID_PATH"),
        (query(caller, "lead.created", funnels.stage("lead.lost", where=("model", "x"))), "INVALID_PATH"),
        (query(caller, "lead.created", "offer", window=duration_pb2.Duration()), "INVALID_DURATION"),
        (query(caller, "lead.created", "offer", window=year), "INVALID_DURATION"),
        (query(caller, "lead.created", "offer", entity=9), "INVALID_ENUM"),
        (query(caller, "lead.created", "offer", order=9), "INVALID_ENUM"),
        (query(caller, "lead.created", "offer", breakdown="nothing"), "INVALID_PATH"),
        (query(caller, "lead.created", "offer", top=101), "VALUE_OUT_OF_RANGE"),
        (query(caller, "lead.created", "offer", window=day, filters=[text.filter] * 6), "TOO_MANY_FILTERS"),
    ):
        assert serving.refusal(await refused(call))[1] == reason
