"""Answers as tables: every figure of an answer is in its tables, and nothing else is."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf import descriptor_pool, json_format, message_factory

from server.app import Running
from server.errors import Reason, Refused
from server.exports.questions import StoredQuestion
from server.exports.tables import DataTable, ValueKind
from server.organizations.settings import OrganizationSettings
from server.rpc.exports import answering
from server.rpc.exports.answering import TableAnswers
from server.tenancy.principal import Principal, Scope
from tallywire.v1 import event_pb2, metrics_service_pb2
from tests.support import serving
from tests.support.serving import Accounts, Caller
from tests.support.tiny_worlds import closing, e, stored_bytes

DAY = datetime(2024, 5, 15, tzinfo=UTC)
PERIOD = {"start": "2024-05-14T22:00:00Z", "end": "2024-05-16T22:00:00Z"}
PREVIOUS = {"mode": "COMPARISON_MODE_PREVIOUS_PERIOD"}
SERIES = {"granularity": "GRANULARITY_DAY"}
SETTINGS = OrganizationSettings(time_zone="Europe/Berlin", storage_rate_micros=3_000_000, currency="EUR")
# Fields that say what an answer is about, or what of it is not there: no figures.
_ABOUT = frozenset(
    (
        "context",
        "compared",
        "granularity",
        "rows_tokens",
        "distinct_values",
        "missing_pair",
        "value_count",
        "restated",
        "campaign_count",
        "next_page_token",
        "definition",
        "metrics",
        "group_by",
        "unit",
        "ordered_by",
        "participants",
        "seconds",
    )
)


def message(minute: float, agent_id: str, **fields: Any) -> event_pb2.Event:
    user_id = fields.pop("user_id", "u1")
    detail = event_pb2.MessageDetail(**fields)
    return e(
        "message.sent", minute, agent_id=agent_id, user_id=user_id, message=detail, conversation_id=f"of {agent_id}"
    )


def call(kind: str, minute: float, **fields: Any) -> event_pb2.Event:
    return e(f"call.{kind}", minute, call=event_pb2.CallDetail(**fields))


def lead(kind: str, minute: float, **fields: Any) -> event_pb2.Event:
    detail = event_pb2.LeadDetail(lead_id="l1", value_micros=7_000_000, currency="USD", **fields)
    return e(f"lead.{kind}", minute, lead=detail, campaign_id="spring")


WORLD = [
    message(-6 * 24 * 60, "ada", cost_micros=7),
    message(-24 * 60, "ada", cost_micros=40, response_time_ms=500, model="m1"),
    message(0, "ada", cost_micros=500_001, response_time_ms=1_700, prompt_tokens=100, completion_tokens=10, model="m1"),
    message(1, "=bob", cost_micros=300, response_time_ms=900, user_id="u2", failed=True, model="m2"),
    message(2, "=bob", prompt_tokens=7, model="m2"),
    *closing("c1", "started", "resolved"),
    *closing("c2", "started", "escalated"),
    call("started", 3, queue="sales"),
    call("answered", 4, queue="sales", wait_ms=12_000),
    call("ended", 5, queue="sales", talk_ms=60_000, hold_ms=1_000, wrap_up_ms=5_000),
    e("api.called", 6, api=event_pb2.ApiDetail(endpoint="/a", method="GET", status_code=500, latency_ms=30)),
    e("quality.scored", 7, conversation_id="c1", quality=event_pb2.QualityDetail(overall=7_500, rubric_version="r1")),
    lead("created", 8),
    lead("converted", 9),
    e("campaign.cost_recorded", 10, campaign_id="spring", campaign=event_pb2.CampaignDetail(cost_micros=2_000_000)),
    e("points.awarded", 11, task=event_pb2.TaskDetail(points=5)),
    stored_bytes(4_096),
]
QUESTIONS = {
    "GetOverview": {"comparison": PREVIOUS},
    "GetAgentMetrics": {"agent_id": "ada", "comparison": PREVIOUS},
    "GetUsageTrends": {
        "granularity": "GRANULARITY_DAY",
        "comparison": PREVIOUS,
        "metrics": ["cost_micros", "error_rate"],
    },
    "QueryMetrics": {
        "metrics": ["messages_sent", "cost_micros", "avg_response_time_ms", "unique_users"],
        "group_by": ["agent"],
        "comparison": PREVIOUS,
        "series": SERIES,
    },
    "GetDailyStats": {},
    "GetQuota": None,
    "GetRoi": {"comparison": PREVIOUS, "series": SERIES},
    "GetCosts": {"comparison": PREVIOUS, "series": SERIES},
    "GetConversationMetrics": {"comparison": PREVIOUS},
    "GetCallMetrics": {"comparison": PREVIOUS, "service_level_seconds": [10, 20]},
    "GetApiUsage": {"comparison": PREVIOUS},
    "GetQuality": {},
    "GetLeaderboard": {},
    "ListCampaigns": {"comparison": PREVIOUS},
    "GetCampaign": {"campaign_id": "spring"},
    "QueryFunnel": {"definition": {"stages": [{"event_type": "lead.created"}, {"event_type": "lead.converted"}]}},
    "GetUserRetention": {"time_range": {**PERIOD, "time_zone": "UTC"}, "granularity": "GRANULARITY_DAY"},
}


@pytest.fixture(scope="module")
async def world(accounts: Accounts) -> Caller:
    """A caller whose organization has a bit of everything."""
    caller = await accounts.caller(settings=SETTINGS)
    await caller.track_all(WORLD)
    return caller


@pytest.fixture(scope="module")
def principal(world: Caller) -> Principal:
    return Principal(
        organization_id=world.organization_id, key_id="k", scopes=frozenset({Scope.ADMIN}), settings=SETTINGS
    )


def request_of(method: str) -> str:
    fields = QUESTIONS[method]
    return json.dumps({} if fields is None else {"time_range": PERIOD, **fields})


def leaves(value: Any) -> list[object]:
    """Returns the numbers and truths of a message."""
    found: list[object] = []
    for field, one in value.ListFields():
        if field.name in _ABOUT or (field.message_type and field.message_type.GetOptions().map_entry):
            continue
        for each in one if field.is_repeated else [one]:
            if field.message_type is not None and field.message_type.full_name != "google.protobuf.Timestamp":
                found += leaves(each)
            elif field.cpp_type not in (field.CPPTYPE_STRING, field.CPPTYPE_ENUM, field.CPPTYPE_MESSAGE):
                found.append(each)
    return found


async def response_of(world: Caller, method: str) -> Any:
    kind = answering.REQUESTS[method]
    service = {
        "GetLeaderboard": "LeaderboardService",
        "ListCampaigns": "CampaignService",
        "GetCampaign": "CampaignService",
        "QueryFunnel": "FunnelService",
        "GetUserRetention": "DirectoryService",
    }.get(method, "MetricsService")
    request = json_format.Parse(request_of(method), kind())
    answer = descriptor_pool.Default().FindServiceByName(f"tallywire.v1.{service}").methods_by_name[method].output_type
    data = await world.raw(f"/tallywire.v1.{service}/{method}", request.SerializeToString())
    return message_factory.GetMessageClass(answer).FromString(data)


def test_every_question_with_figures_is_asked() -> None:
    assert set(QUESTIONS) == set(answering.REQUESTS)


@pytest.mark.parametrize("method", QUESTIONS)
async def test_every_figure_of_an_answer_is_in_its_tables(
    server: Running, world: Caller, principal: Principal, method: str
) -> None:
    response = await response_of(world, method)
    question = StoredQuestion(method=method, request=request_of(method))
    tables = await TableAnswers(server.asking).tables(principal, question)
    cells = Counter(cell for table in tables for row in table.rows for cell in row if cell is not None)
    figures = Counter(leaves(response))
    for table in tables:  # what JSON in a cell holds
        for row in table.rows:
            for cell in row:
                if isinstance(cell, str) and cell.startswith("["):
                    cells.update(one for one in json.loads(cell) if not isinstance(one, dict))
    missing = figures - cells
    assert not {one for one in missing if one}, missing
    assert figures
    for table in tables:
        assert table.context.revision == response.context.as_of_revision
        assert len({column.name for column in table.columns}) == len(table.columns), table.name
        for row in table.rows:
            for column, cell in zip(table.columns, row, strict=True):
                check(table, column, cell)


def check(table: DataTable, column: Any, cell: object) -> None:
    kinds = {ValueKind.TEXT: str, ValueKind.INSTANT: datetime, ValueKind.BOOLEAN: bool}
    expected = kinds.get(column.kind, int if column.whole else (int, float))
    assert cell is None or isinstance(cell, expected), (table.name, column, cell)


async def test_kinds_and_titles_follow_the_catalogue(server: Running, principal: Principal) -> None:
    answers = TableAnswers(server.asking)
    asked = {method: StoredQuestion(method=method, request=request_of(method)) for method in QUESTIONS}
    figures, *others = await answers.tables(principal, asked["GetOverview"])
    columns = {column.name: column for column in figures.columns}
    assert [row[0] for row in figures.rows] == ["asked", "earlier"]
    assert (columns["cost_micros"].kind, columns["cost_micros"].currency) == (ValueKind.MONEY_MICROS, "EUR")
    assert columns["cost_micros"].whole
    assert not columns["cost_per_conversation_micros"].whole
    assert columns["error_rate"].kind is ValueKind.FRACTION
    assert columns["avg_response_time_ms"].kind is ValueKind.DURATION_MS
    assert columns["messages_change_percent"].unit == "%"
    assert columns["p95_response_time_ms"].title == "Response time, p95"
    assert [table.name for table in others] == ["storage_by_kind", "events_by_type"]

    rows, totals, series = await answers.tables(principal, asked["QueryMetrics"])
    assert [column.name for column in rows.columns][:3] == ["agent", "display_name", "messages_sent"]
    assert dict(zip(rows.column("agent"), rows.column("cost_micros"), strict=True)) == {
        "ada": 500_001,
        "=bob": 300,
        "bot": 0,
    }
    assert totals.column("row") == ["total", "rest"]
    assert {row[0] for row in series.rows} == {"value", "total"}

    names = [table.name for table in await answers.tables(principal, asked["GetCosts"])]
    assert names[:6] == ["figures", "by_model", "by_agent", "by_channel", "by_team", "by_user"]
    quality = await answers.tables(principal, asked["GetQuality"])
    assert quality[0].column("rubric_version") == ["r1"]
    calls = (await answers.tables(principal, asked["GetCallMetrics"]))[0]
    assert calls.column("calls_within_20s")[0] == 1
    campaigns, _, amounts = await answers.tables(principal, asked["ListCampaigns"])
    assert campaigns.column("campaign_id") == ["spring"]
    assert "USD" in amounts.column("currency")


async def test_a_table_has_the_rows_of_all_pages_of_one_revision(
    server: Running, principal: Principal, world: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = metrics_service_pb2.QueryMetricsRequest(
        time_range=serving.period(DAY, DAY + timedelta(days=1)),
        metrics=["messages_sent"],
        group_by=["agent"],
        page_size=1,
    )
    first = await world.ask("QueryMetrics", asked)
    assert first.next_page_token
    monkeypatch.setattr(answering, "MOST_PAGE", 1)
    pages = []
    original = type(server.asking).answer

    async def answer(self: Any, by: Principal, request: Any) -> Any:
        found = await original(self, by, request)
        pages.append(found.context.as_of_revision)
        await world.track(message(20 + len(pages), "eve"))  # an event between two pages
        return found

    monkeypatch.setattr(type(server.asking), "answer", answer)
    rows, totals = await TableAnswers(server.asking).of_request(principal, asked)
    monkeypatch.undo()
    assert len(set(pages)) == 1
    assert len(pages) == first.distinct_values == len(rows.rows)
    assert "eve" not in rows.column("agent")
    total, rest = totals.column("messages_sent")
    assert sum(rows.column("messages_sent")) + rest == total  # type: ignore[operator]


@pytest.mark.parametrize(
    ("method", "request_text", "field"),
    [
        ("ListEvents", "{}", "method"),
        ("Nothing", "{}", "method"),
        ("GetOverview", '{"nothing": 1}', "request"),
        ("GetOverview", "[", "request"),
    ],
)
async def test_a_question_that_is_none_is_refused(
    server: Running, principal: Principal, method: str, request_text: str, field: str
) -> None:
    with pytest.raises(Refused) as caught:
        await TableAnswers(server.asking).tables(principal, StoredQuestion(method=method, request=request_text))
    assert (caught.value.reason, caught.value.field) == (Reason.INVALID_VALUE, field)
