"""ExportService: files that hold what the RPCs answer, whole or resumed, and nothing left behind."""

import csv
import hashlib
import io
import json
import zoneinfo
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import grpc
import openpyxl
import pyarrow
import pyarrow.parquet
import pytest

from server.app import Running
from server.organizations.settings import OrganizationSettings
from server.rpc import export_service, services
from server.rpc.exports import answering, messages, row_streams
from server.tenancy.principal import Scope
from tallywire.v1 import (
    agent_pb2,
    audit_service_pb2,
    content_gap_pb2,
    conversation_pb2,
    event_pb2,
    export_service_pb2,
    export_service_pb2_grpc,
    lead_pb2,
    list_events_pb2,
    metrics_service_pb2,
    time_pb2,
    user_pb2,
)
from tests.support import serving, waiting
from tests.support.serving import Accounts, Caller, refused
from tests.support.tiny_worlds import DAY, NOON, closing, e

CSV, LINES, JSON = (
    export_service_pb2.EXPORT_FORMAT_CSV,
    export_service_pb2.EXPORT_FORMAT_JSON_LINES,
    export_service_pb2.EXPORT_FORMAT_JSON,
)
XLSX, PARQUET, ARROW = (
    export_service_pb2.EXPORT_FORMAT_XLSX,
    export_service_pb2.EXPORT_FORMAT_PARQUET,
    export_service_pb2.EXPORT_FORMAT_ARROW,
)
ZONE = "America/Sao_Paulo"
TIME_RANGE = serving.period(DAY, DAY + timedelta(days=1), ZONE)
EVENTS = 25


@dataclass
class File:
    """What an export has sent."""

    header: export_service_pb2.ExportHeader
    chunks: list[export_service_pb2.ExportChunk]
    trailer: export_service_pb2.ExportTrailer | None

    @property
    def data(self) -> bytes:
        return b"".join(one.data for one in self.chunks)

    def rows(self) -> list[list[str]]:
        return list(csv.reader(io.StringIO(self.data.decode(), newline="")))


def stub(caller: Caller) -> Any:
    return export_service_pb2_grpc.ExportServiceStub(caller.channel)


async def read(call: Any) -> File:
    """Reads an export to its end."""
    header, chunks, trailer = None, [], None
    async for response in call:
        which = response.WhichOneof("message")
        if which == "header":
            assert header is None
            header = response.header
        elif which == "chunk":
            assert trailer is None
            chunks.append(response.chunk)
        else:
            trailer = response.trailer
    assert header is not None
    return File(header, chunks, trailer)


def whole(file: File) -> File:
    """The same file, which is whole and is what its trailer says."""
    trailer = file.trailer
    assert trailer is not None
    assert (trailer.bytes, trailer.complete, trailer.incomplete_reason) == (len(file.data), True, "")
    assert trailer.sha256 == hashlib.sha256(file.data).hexdigest()
    return file


async def metrics(caller: Caller, form: int = CSV, table: str = "", **question: Any) -> File:
    request = export_service_pb2.ExportMetricsRequest(format=form, table=table, **question)
    return await read(stub(caller).ExportMetrics(request, metadata=caller.metadata, timeout=60))


async def rows(caller: Caller, form: int = CSV, token: str = "", **lists: Any) -> File:
    request = export_service_pb2.ExportRowsRequest(format=form, resume_token=token, **lists)
    return await read(stub(caller).ExportRows(request, metadata=caller.metadata, timeout=60))


@pytest.fixture(scope="module")
async def world(accounts: Accounts) -> Caller:
    caller = await accounts.caller(
        settings=OrganizationSettings(time_zone=ZONE, currency="BRL"), scopes=(Scope.ADMIN, Scope.BACKFILL)
    )
    await caller.track_all(
        [
            e(
                "message.sent",
                number,
                agent_id=f"agent-{number % 5}" if number else "=1+1",
                user_id=f"user-{number}",
                conversation_id=f"c{number}",
                message=event_pb2.MessageDetail(cost_micros=1_000_001 * number, response_time_ms=number * 10),
                properties={"order": {"n": number, "name": "Zoë"}},
            )
            for number in range(EVENTS)
        ]
        + [*closing("c1", "started", "resolved"), e("lead.created", 1, lead=event_pb2.LeadDetail(lead_id="l1"))]
        + [e("content_gap.found", 1, content_gap=event_pb2.ContentGapDetail(topic="returns", question="How?"))]
    )
    return caller


def table_question(**more: Any) -> metrics_service_pb2.QueryMetricsRequest:
    return metrics_service_pb2.QueryMetricsRequest(
        time_range=TIME_RANGE,
        metrics=["messages_sent", "cost_micros", "avg_response_time_ms", "satisfaction_score"],
        group_by=["agent"],
        **more,
    )


async def test_a_table_is_whole_in_every_format(world: Caller) -> None:
    asked = table_question(page_size=2)
    answer = await world.ask("QueryMetrics", table_question(page_size=1000))
    expected = {
        row.values[0]: [
            getattr(one, one.WhichOneof("value") or "") if one.WhichOneof("value") else None for one in row.figures
        ]
        for row in answer.rows
    }
    assert len(expected) == 7
    file = whole(await metrics(world, query=asked))
    assert file.header.context.as_of_revision == answer.context.as_of_revision
    assert file.header.context.time_zone == ZONE
    assert file.header.tables[0].estimated_rows == 7
    assert file.header.other_tables == ["totals"]
    assert file.header.file_name == f"rows_2024-05-14_2024-05-15_America-Sao_Paulo_r{answer.context.as_of_revision}.csv"
    head, *lines = file.rows()
    assert head == [
        "Agent",
        "Name",
        "Messages sent",
        "Cost (BRL)",
        "Mean response time (ms)",
        "Satisfaction (rating)",
    ]
    assert {line[0].removeprefix("'"): line for line in lines}.keys() == expected.keys()
    for line in lines:
        sent, cost, mean, score = expected[line[0].removeprefix("'")]
        assert line[2] == str(sent)
        assert Decimal(line[3]) == Decimal(cost).scaleb(-6)
        assert line[4] == ("" if mean is None else repr(mean))
        assert line[5] == ""
        assert score is None
    assert ["'=1+1"] in [line[:1] for line in lines]

    found = [json.loads(line) for line in whole(await metrics(world, LINES, query=asked)).data.decode().splitlines()]
    names = ("messages_sent", "cost_micros", "avg_response_time_ms", "satisfaction_score")
    assert {one["agent"]: [one[name] for name in names] for one in found} == expected

    document = json.loads(whole(await metrics(world, JSON, query=asked)).data)
    assert [one["name"] for one in document["tables"]] == ["rows", "totals"]
    assert {one["agent"]: [one[name] for name in names] for one in document["tables"][0]["rows"]} == expected
    assert document["tables"][0]["context"]["as_of_revision"] == answer.context.as_of_revision

    for form in (PARQUET, ARROW):
        data = io.BytesIO(whole(await metrics(world, form, query=asked)).data)
        read_back: Any = (
            pyarrow.parquet.read_table(data) if form == PARQUET else pyarrow.ipc.open_stream(data).read_all()
        )
        assert dict(zip(read_back["agent"].to_pylist(), read_back["cost"].to_pylist(), strict=True)) == {
            name: Decimal(figures[1]).scaleb(-6) for name, figures in expected.items()
        }
        assert read_back["avg_response_time_ms"].type == pyarrow.float64()

    book = openpyxl.load_workbook(io.BytesIO(whole(await metrics(world, XLSX, query=asked)).data))
    assert book.sheetnames == ["Rows", "Totals", "About"]
    sheet = {row[0].value: [cell.value for cell in row[2:]] for row in book["Rows"].iter_rows(min_row=2)}
    assert sheet == {name: [sent, cost / 1e6, mean, score] for name, (sent, cost, mean, score) in expected.items()}


@pytest.mark.parametrize("zone", ["America/Sao_Paulo", "Asia/Kathmandu", "UTC"])
async def test_a_series_has_the_buckets_of_its_zone(world: Caller, zone: str) -> None:
    question = metrics_service_pb2.GetUsageTrendsRequest(
        time_range=serving.period(DAY, DAY + timedelta(days=2), zone),
        granularity=time_pb2.GRANULARITY_DAY,
        metrics=["messages_sent", "cost_micros", "error_rate"],
    )
    answer = await world.ask("GetUsageTrends", question)
    head, *lines = whole(await metrics(world, usage_trends=question)).rows()
    assert head == ["Start", "End", "Partial", "Messages sent", "Cost (BRL)", "Error rate (fraction)"]
    for place, (line, bucket) in enumerate(zip(lines, answer.buckets, strict=True)):
        begins = datetime.fromisoformat(line[0])
        assert begins.timestamp() == bucket.start.seconds
        assert begins.utcoffset() == begins.astimezone(zoneinfo.ZoneInfo(zone)).utcoffset()
        assert line[3] == str(answer.series[0].values[place].integer)
        assert Decimal(line[4]) == Decimal(answer.series[1].values[place].integer).scaleb(-6)
        rate = answer.series[2].values[place]
        assert line[5] == (repr(rate.number) if rate.HasField("number") else "")


async def test_the_table_that_is_named_is_exported_alone(world: Caller) -> None:
    asked = {"costs": metrics_service_pb2.GetCostsRequest(time_range=TIME_RANGE)}
    whole_answer = await metrics(world, XLSX, **asked)
    names = [table.name for table in whole_answer.header.tables]
    assert names[:3] == ["figures", "by_model", "by_agent"]
    one = whole(await metrics(world, table="by_agent", **asked))
    assert [table.name for table in one.header.tables] == ["by_agent"]
    assert sorted(one.header.other_tables) == sorted(set(names) - {"by_agent"})
    error = await refused(metrics(world, table="nothing", **asked))
    assert (serving.refusal(error).reason, serving.refusal(error).field) == ("INVALID_VALUE", "table")
    assert "by_agent" in error.details()


async def test_events_go_page_by_page_and_can_be_resumed(world: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "MOST_PAGE", 7)
    asked = list_events_pb2.ListEventsRequest(
        time_range=TIME_RANGE, filter=list_events_pb2.EventFilter(event_types=["message.sent"]), page_size=3
    )
    listed = [json.loads(line) for line in (await rows(world, LINES, events=asked)).data.decode().splitlines()]
    files = {form: whole(await rows(world, form, events=asked)) for form in (CSV, LINES, ARROW)}
    for form, file in files.items():
        assert file.header.resumable
        assert [chunk.rows for chunk in file.chunks][:4] == [7, 14, 21, 25]
        assert file.trailer is not None
        assert file.trailer.rows == EVENTS
        for done in range(1, len([chunk for chunk in file.chunks if chunk.resume_token]) + 1):
            before, token = b"".join(one.data for one in file.chunks[:done]), file.chunks[done - 1].resume_token
            # What has come in since is not in the file.
            await world.track(e("message.sent", 5, agent_id="late", user_id="late"))
            rest = await rows(world, form, token, events=asked)
            assert rest.header.offset == len(before)
            assert before + rest.data == file.data
            assert rest.trailer is not None
            assert (rest.trailer.rows, rest.trailer.bytes) == (EVENTS, len(file.data))
            assert rest.trailer.sha256 == hashlib.sha256(rest.data).hexdigest()
            assert rest.header.context.as_of_revision == file.header.context.as_of_revision
    one = next(each for each in listed if each["user_id"] == "user-3")
    assert json.loads(one["detail"]) == {"response_time_ms": 30, "cost_micros": 3_000_003}
    assert json.loads(one["properties"]) == {"order": {"n": 3, "name": "Zoë"}}
    assert one["occurred_at"] == (NOON + timedelta(minutes=3)).astimezone(zoneinfo.ZoneInfo(ZONE)).isoformat()


async def test_a_token_goes_on_with_its_own_export_alone(
    world: Caller, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "MOST_PAGE", 7)
    asked = list_events_pb2.ListEventsRequest(time_range=TIME_RANGE)
    token = (await rows(world, events=asked)).chunks[0].resume_token
    other = await accounts.caller(scopes=(Scope.ADMIN,))
    agents = agent_pb2.ListAgentsRequest()
    another = list_events_pb2.ListEventsRequest(time_range=TIME_RANGE, direction=2)
    for call in (
        rows(world, LINES, token, events=asked),
        rows(world, CSV, token, events=another),
        rows(world, CSV, token[:-2] + "xx", events=asked),
        rows(world, CSV, "nonsense", events=asked),
        rows(world, XLSX, token, events=asked),
        rows(world, CSV, token, agents=agents),
        rows(other, CSV, token, events=asked),
    ):
        error = serving.refusal(await refused(call))
        assert (error.reason, error.field) == ("RESUME_TOKEN_INVALID", "resume_token")


async def test_every_list_is_exported(world: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "MOST_PAGE", 2)
    began = conversation_pb2.CONVERSATION_TIME_BEGAN
    lists = {
        "conversations": conversation_pb2.ListConversationsRequest(time_range=TIME_RANGE, time=began),
        "users": user_pb2.ListUsersRequest(),
        "leads": lead_pb2.ListLeadsRequest(),
        "content_gaps": content_gap_pb2.ListContentGapsRequest(),
        "audit_entries": audit_service_pb2.ListAuditEntriesRequest(),
        "agents": agent_pb2.ListAgentsRequest(),
    }
    found = {}
    for name, asked in lists.items():
        file = whole(await rows(world, LINES, **{name: asked}))
        found[name] = [json.loads(line) for line in file.data.decode().splitlines()]
        assert file.header.tables[0].name == name
        assert file.header.resumable == (name == "audit_entries")
    assert {one["conversation_id"] for one in found["conversations"]} >= {f"c{number}" for number in range(EVENTS)}
    assert {one["user_id"] for one in found["users"]} >= {f"user-{number}" for number in range(EVENTS)}
    assert [one["lead_id"] for one in found["leads"]] == ["l1"]
    assert [one["topic"] for one in found["content_gaps"]] == ["returns"]
    assert {one["agent_id"] for one in found["agents"]} >= {f"agent-{number}" for number in range(5)}
    # Each export is in the audit trail, before its first byte.
    last = found["audit_entries"][0]
    assert (last["action"], last["subject"]) == ("rows.exported", "ListAuditEntries")
    assert json.loads(last["after"]) == {"format": "json_lines"}
    assert set(row_streams.SCOPES) == {*lists, "events"}


def test_a_list_needs_the_scope_of_its_rpc() -> None:
    for name, scope in row_streams.SCOPES.items():
        request = export_service_pb2.ExportRowsRequest.DESCRIPTOR.fields_by_name[name].message_type
        rpc = request.name.removesuffix("Request")
        assert [one for path, one in services.SCOPES.items() if path.endswith(f"/{rpc}")] == [scope]
    for field in export_service_pb2.ExportMetricsRequest.DESCRIPTOR.oneofs_by_name["question"].fields:
        rpc = field.message_type.name.removesuffix("Request")
        assert [one for path, one in services.SCOPES.items() if path.endswith(f"/{rpc}")] == [Scope.READ]


async def test_without_a_scope_nothing_is_exported(world: Caller, accounts: Accounts) -> None:
    reader = await accounts.another(world, scopes=(Scope.READ,))
    assert whole(await rows(reader, agents=agent_pb2.ListAgentsRequest())).rows()[1:]
    for name, asked in (
        ("events", list_events_pb2.ListEventsRequest(time_range=TIME_RANGE)),
        ("users", user_pb2.ListUsersRequest()),
        ("audit_entries", audit_service_pb2.ListAuditEntriesRequest()),
    ):
        error = await refused(rows(reader, **{name: asked}))
        assert error.code() is grpc.StatusCode.PERMISSION_DENIED
    sender = await accounts.another(world, scopes=(Scope.INGEST,))
    assert (await refused(metrics(sender, query=table_question()))).code() is grpc.StatusCode.PERMISSION_DENIED


async def test_rows_behind_a_figure_come_to_it(world: Caller) -> None:
    question = metrics_service_pb2.GetOverviewRequest(time_range=TIME_RANGE, include_rows_tokens=True)
    opened = (await world.ask("GetOverview", question)).rows_tokens["messages_sent"]
    file = whole(await rows(world, LINES, events=list_events_pb2.ListEventsRequest(rows_token=opened.token)))
    assert sum(json.loads(line)["amount"] for line in file.data.decode().splitlines()) == opened.figure


@pytest.mark.parametrize(
    ("rpc", "fields", "reason", "field"),
    [
        ("ExportMetrics", {}, "REQUIRED_FIELD", "question"),
        ("ExportMetrics", {"format": 99, "quota": {}}, "INVALID_ENUM", "format"),
        ("ExportMetrics", {"query": {"page_token": "x"}}, "INVALID_VALUE", "query.page_token"),
        ("ExportMetrics", {"query": {}}, "REQUIRED_FIELD", "query.metrics"),
        ("ExportMetrics", {"overview": {}}, "REQUIRED_FIELD", "overview.time_range.start"),
        ("ExportRows", {}, "REQUIRED_FIELD", "rows"),
        ("ExportRows", {"format": 99, "agents": {}}, "INVALID_ENUM", "format"),
        ("ExportRows", {"agents": {"page_token": "x"}}, "INVALID_VALUE", "agents.page_token"),
        ("ExportRows", {"events": {}}, "REQUIRED_FIELD", "events.time_range.start"),
    ],
)
async def test_bad_requests(world: Caller, rpc: str, fields: dict[str, Any], reason: str, field: str) -> None:
    kind = getattr(export_service_pb2, f"{rpc}Request")
    call = getattr(stub(world), rpc)(kind(**fields), metadata=world.metadata, timeout=30)
    error = serving.refusal(await refused(read(call)))
    assert (error.reason, error.field) == (reason, field)


async def test_a_reader_that_leaves_frees_everything(
    server: Running, world: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "MOST_PAGE", 1)
    for name, asked in (
        ("events", list_events_pb2.ListEventsRequest(time_range=TIME_RANGE)),
        ("users", user_pb2.ListUsersRequest()),
    ):
        request = export_service_pb2.ExportRowsRequest(format=XLSX, **{name: asked})
        call = stub(world).ExportRows(request, metadata=world.metadata, timeout=60)
        assert (await call.read()).WhichOneof("message") == "header"
        assert server.exports.under_way >= 1
        call.cancel()
        await waiting.until(lambda: server.exports.under_way == 0)


async def test_a_reader_that_does_not_read_frees_everything_and_is_told(
    server: Running, world: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_service, "WRITE_SECONDS", 0.05)
    monkeypatch.setattr(messages, "PIECE_BYTES", 1024 * 1024)
    padding = "x" * 16_000
    await world.track_all(
        [e("note.made", number, agent_id="writer", properties={"text": padding}) for number in range(100)]
    )
    await world.track_all(
        [e("note.made", number, agent_id="writer", properties={"text": padding}) for number in range(100, 200)]
    )
    time_range = serving.period(DAY, DAY + timedelta(days=1))
    filtered = list_events_pb2.EventFilter(event_types=["note.made"])
    asked = list_events_pb2.ListEventsRequest(time_range=time_range, filter=filtered)
    request = export_service_pb2.ExportRowsRequest(format=LINES, events=asked)
    # A window of 64 KiB, so that a page of it does not fit.
    options = [
        ("grpc.http2.lookahead_bytes", 65_536),
        ("grpc.http2.bdp_probe", 0),
        ("grpc.max_receive_message_length", -1),
    ]
    async with grpc.aio.insecure_channel(server.address, options=options) as channel:
        call = export_service_pb2_grpc.ExportServiceStub(channel).ExportRows(
            request, metadata=world.metadata, timeout=60
        )
        assert (await call.read()).WhichOneof("message") == "header"
        await waiting.until(lambda: server.exports.under_way == 0)  # and nothing was read yet
        error = await refused(read_rest(call))
        assert serving.refusal(error).reason == "SLOW_CONSUMER"


async def read_rest(call: Any) -> None:
    while await call.read() is not grpc.aio.EOF:
        pass


async def test_an_organization_has_two_exports_at_once(server: Running, world: Caller) -> None:
    principal = await server_principal(server, world)
    async with server.exports.slot(principal), server.exports.slot(principal):
        error = await refused(metrics(world, query=table_question()))
        assert serving.refusal(error).reason == "QUERY_CONCURRENCY"
    whole(await metrics(world, query=table_question()))


async def server_principal(server: Running, world: Caller) -> Any:
    found = await server._authenticator.authenticate(world.key.secret)
    assert found is not None
    return found
