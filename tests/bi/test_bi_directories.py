"""Views that are no figures of rollups tell what the RPCs tell: conversations, leads, agents, campaigns and costs."""

from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from server.organizations.model_price import ModelPrice
from server.organizations.settings import OrganizationSettings
from server.store.database import Database
from server.tenancy import price_lists
from server.tenancy.principal import Scope
from server.timerange import zone
from tallywire.v1 import (
    agent_pb2,
    conversation_pb2,
    directory_service_pb2_grpc,
    event_pb2,
    lead_pb2,
    metrics_service_pb2,
    time_pb2,
)
from tests.bi.reading import Reader, logged_in
from tests.support import citus, company, serving, worlds
from tests.support.serving import Accounts, Caller

pytestmark = citus.one_node

ZONE = "America/Denver"
DAYS = 4


class Read(NamedTuple):
    caller: Caller
    reader: Reader
    period: time_pb2.TimeRange


@pytest.fixture(scope="module")
async def read(accounts: Accounts, database: Database) -> AsyncIterator[Read]:
    until = serving.now().astimezone(zone(ZONE)).replace(hour=0, minute=0, second=0, microsecond=0)
    caller = await accounts.caller(settings=OrganizationSettings(time_zone=ZONE), scopes=(Scope.ADMIN,))
    await caller.track_all(list(company.events(until, days=DAYS, a_day=8))[:1000])
    await worlds.project(database, caller.organization_id)
    period = serving.period(until - timedelta(days=DAYS + 2), until + timedelta(days=1), ZONE)
    async with logged_in(database, caller.name) as reader:
        yield Read(caller, reader, period)


async def listed(caller: Caller, rpc: str, request: Any) -> Any:
    stub = directory_service_pb2_grpc.DirectoryServiceStub(caller.channel)
    return await getattr(stub, rpc)(request, metadata=caller.metadata, timeout=20)


def told(message: Any, *names: str) -> tuple[Any, ...]:
    """Fields of a message as a view has them: what is unset or empty is NULL, and instants are aware."""
    found: list[Any] = []
    for name in names:
        value = getattr(message, name)
        field = message.DESCRIPTOR.fields_by_name[name]
        if field.has_presence and not message.HasField(name):
            value = None
        elif hasattr(value, "ToDatetime"):
            value = value.ToDatetime(tzinfo=zone("UTC"))
        found.append(None if value == "" else value)
    return tuple(found)


def word(enum: Any, prefix: str, number: int) -> str | None:
    return str(enum.Name(number)).removeprefix(prefix).lower() if number else None


_CONVERSATION = (
    *("conversation_id", "user_id", "channel", "team_id", "topic", "began_at", "closed_at", "handoff_reason"),
    *("duration_ms", "first_response_ms", "first_human_response_ms", "human_wait_ms", "messages", "tokens"),
    *("cost_micros", "rating", "quality_rubric", "reopenings", "content_gaps", "last_activity_at", "events"),
)


async def test_conversations(read: Read) -> None:
    request = conversation_pb2.ListConversationsRequest(
        time_range=read.period, time=conversation_pb2.CONVERSATION_TIME_BEGAN, page_size=1000
    )
    answer = await listed(read.caller, "ListConversations", request)
    assert len(answer.conversations) > 10
    rows = {row["conversation_id"]: row for row in await read.reader.fetch("SELECT * FROM bi.conversations")}
    assert len(rows) == len(answer.conversations)
    for one in answer.conversations:
        row = rows[one.conversation_id]
        assert tuple(row[name] for name in _CONVERSATION) == told(one, *_CONVERSATION)
        assert row["outcome"] == word(conversation_pb2.ConversationOutcome, "CONVERSATION_OUTCOME_", one.outcome)
        assert row["phase"] == word(conversation_pb2.ConversationPhase, "CONVERSATION_PHASE_", one.phase)
        assert row["quality"] == (one.quality / 10_000 if one.HasField("quality") else None)
        assert (row["closed_agent_id"] or "") == one.closed_for.agent_id
        assert (row["began_agent_id"] or "") == one.began_for.agent_id
        for at, day in (("began_at", "began_on"), ("closed_at", "closed_on")):
            assert row[day] == (row[at] and row[at].astimezone(zone(ZONE)).date())


_LEAD = (
    *("lead_id", "agent_id", "channel", "team_id", "campaign_id", "latest_agent_id", "stage", "contacted_at"),
    *("converted_at", "lost_at", "value_micros"),
)


async def test_leads(read: Read) -> None:
    answer = await listed(read.caller, "ListLeads", lead_pb2.ListLeadsRequest(page_size=1000))
    assert answer.leads
    rows = {row["lead_id"]: row for row in await read.reader.fetch("SELECT * FROM bi.leads")}
    assert len(rows) == len(answer.leads)
    for one in answer.leads:
        row = rows[one.lead_id]
        assert tuple(row[name] for name in _LEAD) == told(one, *_LEAD)
        assert row["outcome"] == word(lead_pb2.LeadOutcome, "LEAD_OUTCOME_", one.outcome)
        if one.HasField("value_micros"):
            assert row["currency"] == one.currency


async def test_agents(read: Read) -> None:
    answer = await listed(read.caller, "ListAgents", agent_pb2.ListAgentsRequest(page_size=1000))
    assert answer.agents
    rows = {row["agent_id"]: row for row in await read.reader.fetch("SELECT * FROM bi.agents")}
    names = ("agent_id", "name", "team_id", "first_seen_at", "last_seen_at")
    assert len(rows) == len(answer.agents)
    for one in answer.agents:
        row = rows[one.agent_id]
        assert tuple(row[name] for name in names) == told(one, *names)
        assert (row["agent_version"] or "") == one.version
        assert row["kind"] == word(event_pb2.AgentKind, "AGENT_KIND_", one.kind)
        assert row["is_deleted"] == one.HasField("deleted_at")


@pytest.mark.parametrize(
    ("view", "pair"),
    [
        ("campaign_amounts_daily", {"campaign": "campaign_id", "currency": "currency"}),
        ("endpoint_statuses_daily", {"endpoint": "endpoint", "status_class": "status_class"}),
    ],
)
async def test_pairs(read: Read, view: str, pair: dict[str, str]) -> None:
    rows = await read.reader.fetch(f"SELECT * FROM bi.{view}")
    metrics = [name for name, _ in rows[0].items() if name not in ("day", *pair.values())]
    series = metrics_service_pb2.SeriesRequest(granularity=time_pb2.GRANULARITY_DAY)
    answer = await read.caller.table(read.period, *metrics, by=list(pair), series=series, page_size=1000)
    known = {}
    for row in answer.rows:
        for number, bucket in enumerate(answer.buckets):
            day = datetime.fromtimestamp(bucket.start.seconds, zone(ZONE)).date()
            points = [one.values[number] for one in row.series]
            figures = [getattr(one, kind) if (kind := one.WhichOneof("value")) else None for one in points]
            known[day, *row.values] = dict(zip(metrics, figures, strict=True))
    assert rows
    for row in rows:
        key = (row["day"], *(row[name] for name in pair.values()))
        assert {name: row[name] for name in metrics} == known.pop(key)
    assert not any(figure for figures in known.values() for figure in figures.values())


async def test_costs_by_the_price_list(read: Read, database: Database) -> None:
    days = [
        date.fromisoformat(str(row["day"])) for row in await read.reader.fetch("SELECT day FROM bi.daily ORDER BY 1")
    ]
    # Messages without a cost: of a model whose price changes, of one that gets a price, and of one that has none.
    for day, model, cached in ((0, "m1", 3), (2, "m1", 9), (1, "m2", 0), (0, "m2", 1), (1, "m3", 1)):
        at = datetime(days[day].year, days[day].month, days[day].day, 9, tzinfo=zone(ZONE))
        detail = event_pb2.MessageDetail(model=model, prompt_tokens=7, completion_tokens=5, cached_tokens=cached)
        await read.caller.track(serving.event("message.sent", at=at, message=detail))
    for model, day, price in (("m1", days[0], 1_000_001), ("m1", days[1], 2_000_003), ("m2", days[1], 7)):
        await price_lists.set_price(
            database,
            read.caller.name,
            ModelPrice(
                model=model,
                effective_from=day,
                prompt_micros=price,
                cached_micros=price // 3,
                completion_micros=2 * price,
            ),
        )
    rows = await read.reader.fetch("SELECT * FROM bi.model_costs_daily WHERE model LIKE 'm_'")
    assert len(rows) == 5
    for row in rows:
        start = datetime(row["day"].year, row["day"].month, row["day"].day, tzinfo=zone(ZONE))
        request = metrics_service_pb2.GetCostsRequest(time_range=serving.period(start, start + timedelta(days=1), ZONE))
        answer = await read.caller.ask("GetCosts", request)
        (one,) = (one for one in answer.token_estimate.models if one.model == row["model"])
        assert (row["uncosted_prompt_tokens"], row["uncosted_cached_tokens"]) == (one.prompt_tokens, one.cached_tokens)
        assert row["unpriced_tokens"] == one.unpriced_tokens
        assert round(row["estimated_cost_micros"]) == one.estimated_cost_micros
