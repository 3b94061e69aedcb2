"""Runs: their files hold the figures of the RPCs, each format read again by a library that did not write it."""

import csv
import dataclasses
import io
import json
import zipfile
from datetime import UTC, datetime, timedelta

import openpyxl
import pypdf
from google.protobuf import json_format

from server.app import Running
from server.organizations.settings import OrganizationSettings
from server.reports import archive, periods, texts, workbook
from server.reports import blocks as report_blocks
from server.reports.document import ReportDocument
from server.rpc import report_templates
from server.tenancy.principal import Scope
from server.timerange import Interval, zone
from tallywire.v1 import report_service_pb2 as pb
from tests.support import serving
from tests.support.reporting import ReportWorker, call, created, downloaded, why
from tests.support.rpcs import answers
from tests.support.serving import Accounts, Caller
from tests.support.zones import ZONES

FORMATS = [pb.REPORT_FORMAT_PDF, pb.REPORT_FORMAT_HTML, pb.REPORT_FORMAT_XLSX, pb.REPORT_FORMAT_CSV]
DAYS = "2026-10-19..2026-10-25"  # the clocks of Berlin are set back on the last one
FIRST = datetime(2026, 10, 18, 22, tzinfo=UTC)
ALL = (Scope.ADMIN, Scope.INGEST, Scope.BACKFILL, Scope.READ)


BERLIN = OrganizationSettings(time_zone="Europe/Berlin", currency="EUR")


METRICS = ["total_conversations", "resolution_rate", "cost_micros"]
DOCUMENT = ReportDocument(
    title="Week",
    description="",
    organization="Acme",
    locale="en",
    range=DAYS,
    bounds=Interval(start=FIRST, end=FIRST + timedelta(days=7)),
    zone=zone("UTC"),
    earlier=None,
    made_at=FIRST,
    requested_by="key:1",
    version=1,
    run_id=1,
    blocks=(),
)


async def filled(accounts: Accounts, settings: OrganizationSettings = serving.UTC_SETTINGS) -> Caller:
    caller = await accounts.caller(settings=settings, scopes=ALL)
    some = []
    for day in range(7):
        for number in range(day + 1):
            of = {
                "agent_id": f"agent-{number % 3}",
                "user_id": f"user-{number}",
                "conversation_id": f"c-{day}-{number}",
            }
            at = FIRST + timedelta(days=day, hours=2 + number)
            some += [
                serving.event("conversation.started", at=at, channel="web", **of),
                serving.event("message.received", at=at, **of),
                serving.event(
                    "message.sent", at=at, message={"response_time_ms": 100 * (number + 1), "cost_micros": 2_500}, **of
                ),
                serving.event("conversation.resolved", at=at + timedelta(minutes=5), **of),
            ]
    await caller.track_all(some)
    return caller


async def test_every_format_holds_the_figures_of_the_rpc(accounts: Accounts, maker: ReportWorker) -> None:
    caller = await filled(accounts, BERLIN)
    metrics = ["total_conversations", "resolution_rate", "avg_response_time_ms", "cost_micros"]
    blocks = [
        {"kind": "figures", "title": "Key figures", "query": {"metrics": metrics}},
        {"kind": "series", "title": "Per day", "usage_trends": {"metrics": metrics[:1], "granularity": 2}},
        {"kind": "table", "title": "Agents", "query": {"metrics": metrics, "group_by": ["agent"]}},
        {"kind": "ranking", "title": "Busiest", "query": {"metrics": metrics[:1], "group_by": ["agent"]}},
        {"kind": "text", "title": "Note", "note": "Seen by all.\n\nTwice."},
    ]
    report = await created(caller, "Week", blocks=blocks, formats=FORMATS, period={"range": DAYS})
    run = await maker.run(caller, {"report_id": report.report_id})
    assert (run.state, run.error, run.failed_blocks) == (pb.REPORT_RUN_STATE_SUCCEEDED, "", 0)
    assert [one.format for one in run.files] == [*FORMATS, pb.REPORT_FORMAT_JSON]
    assert run.first_revision == run.last_revision > 0
    asked = serving.period(FIRST, FIRST + timedelta(days=7, hours=1), "Europe/Berlin")
    assert (run.start, run.end) == (asked.start, asked.end)
    (answer,) = await answers(
        caller, "MetricsService/QueryMetrics", {"time_range": asked, "metrics": metrics, "group_by": ["agent"]}
    )
    told = [one.integer or one.number for one in answer.total.figures]
    assert told[0] == 28
    figures, series, agents, *_ = json.loads(await downloaded(caller, run))["blocks"]
    assert figures["tables"][0]["rows"][0][:4] == told
    assert [row[3] for row in series["tables"][0]["rows"]] == [1, 2, 3, 4, 5, 6, 7]
    assert series["tables"][0]["rows"][-1][:2] == ["2026-10-24T22:00:00+00:00", "2026-10-25T23:00:00+00:00"]
    rows = [
        [*row.values, row.display_name or None, *(one.integer or one.number for one in row.figures)]
        for row in answer.rows
    ]
    assert [row[1:7] for row in agents["tables"][0]["rows"] if row[0] == "value"] == rows
    await _check_workbook(await downloaded(caller, run, "xlsx"), told)
    _check_archive(await downloaded(caller, run, "csv"), told)
    text = "\n".join(
        one.extract_text() for one in pypdf.PdfReader(io.BytesIO(await downloaded(caller, run, "pdf"))).pages
    )
    text = text.replace("\xa0", " ")
    for part in ("Europe/Berlin", "EUR 0.07", "100.0%", "25 h", "agent-2", "Conversations that began"):
        assert part in text, part
    page = (await downloaded(caller, run, "html")).decode()
    assert "EUR\xa00.07" in page
    assert "<img" not in page
    part = await downloaded(caller, run, "pdf", offset=100)
    assert part == (await downloaded(caller, run, "pdf"))[100:]
    assert await why(caller, "DownloadReport", {"run_id": run.run_id, "offset": 10**9}) == "VALUE_OUT_OF_RANGE"


async def _check_workbook(content: bytes, told: list[float]) -> None:
    book = openpyxl.load_workbook(io.BytesIO(content))
    figures = [one.value for one in book["1 Key figures"][2]]
    assert figures[:3] == told[:3]
    assert figures[3] == told[3] / 1e6
    assert book["1 Key figures"]["B2"].number_format == "0.0%"
    assert len(book["2 Per day"]._charts) == 1
    assert book["2 Per day"]["A2"].value.isoformat() == "2026-10-19T00:00:00"


def _check_archive(content: bytes, told: list[float]) -> None:
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert archive.namelist() == ["01-key-figures.csv", "02-per-day.csv", "03-agents.csv", "04-busiest.csv"]
    header, row = csv.reader(io.StringIO(archive.read("01-key-figures.csv").decode()))
    assert header[3] == "Cost (EUR)"
    assert [float(one) for one in row[:4]] == [*told[:3], told[3] / 1e6]
    days = list(csv.reader(io.StringIO(archive.read("02-per-day.csv").decode())))
    assert days[1][0] == "2026-10-19T00:00:00+02:00"
    assert days[7][1] == "2026-10-26T00:00:00+01:00"


async def test_files_hold_the_figures_of_the_rpc_in_every_zone_and_language(
    server: Running, accounts: Accounts, maker: ReportWorker
) -> None:
    """Reports are made without a store here: in twelve zones, days have other bounds, and so other figures."""
    caller = await filled(accounts)
    principal = await server._authenticator.authenticate(caller.key.secret)
    assert principal is not None
    for number, name in enumerate(ZONES):
        locale = texts.LOCALES[number % len(texts.LOCALES)]
        here = zone(name)
        asked = periods.asked(DAYS, "previous", here, FIRST, 0)
        period = serving.period(asked.bounds.start, asked.bounds.end, name)
        blocks = [
            {"kind": "table", "title": "Agents", "query": {"metrics": METRICS, "group_by": ["agent"]}},
            {"kind": "series", "title": "Days", "usage_trends": {"metrics": METRICS[:1], "granularity": 2}},
        ]
        content = pb.Report()
        json_format.ParseDict({"blocks": blocks}, content)
        made = [
            report_blocks.block(
                await maker.making.questions.answer(principal, content.SerializeToString(), place, asked), asked
            )
            for place in range(2)
        ]
        document = dataclasses.replace(
            DOCUMENT, locale=locale, bounds=asked.bounds, zone=here, earlier=asked.earlier, blocks=made
        )
        (table,) = await answers(
            caller, "MetricsService/QueryMetrics", {"time_range": period, "metrics": METRICS, "group_by": ["agent"]}
        )
        (trends,) = await answers(
            caller, "MetricsService/GetUsageTrends", {"time_range": period, "metrics": METRICS[:1], "granularity": 2}
        )
        told = {row.values[0]: [one.integer or one.number for one in row.figures] for row in table.rows}
        starts = [one.start.ToDatetime(tzinfo=UTC) for one in trends.buckets]
        counts = [one.integer for one in trends.series[0].values]
        assert len(starts) == 7
        book = openpyxl.load_workbook(io.BytesIO(workbook.written(document)))
        agents = {row[1].value: [cell.value for cell in row[3:6]] for row in book.worksheets[1].iter_rows(min_row=2)}
        assert {name: [*row[:2], row[2] / 1e6] for name, row in told.items()} == {one: agents[one] for one in told}
        days = [(row[0].value, row[3].value or 0) for row in book.worksheets[2].iter_rows(min_row=2)]
        assert days == [(at.astimezone(here).replace(tzinfo=None), n) for at, n in zip(starts, counts, strict=True)]
        packed = zipfile.ZipFile(io.BytesIO(archive.zipped(document)))
        _, *rows = csv.reader(io.StringIO(packed.read("02-days.csv").decode()))
        assert [(datetime.fromisoformat(row[0]), int(row[3] or 0)) for row in rows] == list(
            zip(starts, counts, strict=True)
        )
        blocks_told = json.loads(archive.written(document))["blocks"]
        assert {row[1]: row[3:6] for row in blocks_told[0]["tables"][0]["rows"] if row[0] == "value"} == told


async def test_every_template_makes_every_format(accounts: Accounts, maker: ReportWorker) -> None:
    caller = await filled(accounts)
    for one in report_templates.all_templates():
        copy = pb.Report()
        copy.CopyFrom(one)
        copy.period.range = DAYS
        del copy.formats[:]
        copy.formats.extend(FORMATS)
        copy.locale = "de"
        report = (await call(caller, "CreateReport", {"report": copy})).report
        run = await maker.run(caller, {"report_id": report.report_id})
        assert (run.state, run.error) == (pb.REPORT_RUN_STATE_SUCCEEDED, ""), one.report_id
        told = json.loads(await downloaded(caller, run))
        assert [block["refusal"] for block in told["blocks"] if block["refusal"]] == [], one.report_id
