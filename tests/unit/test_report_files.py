"""Files of reports, read again by libraries that did not write them: the same values in every zone and language."""

import csv
import dataclasses
import io
import json
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import openpyxl
import pypdf
import pytest
import typst

from server.catalog import registry
from server.exports.tables import DataColumn, DataContext, DataTable, Row, ValueKind
from server.reports import archive, charts, extras, german_titles, page, pdf, texts, workbook
from server.reports.document import (
    BarRanking,
    ChartBucket,
    ChartLine,
    KeyFigure,
    ReportBlock,
    ReportChart,
    ReportDocument,
    table_of_chart,
    table_of_figures,
)
from server.timerange import Interval, zone
from tests.support.zones import ZONES

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
COST = DataColumn(name="cost_micros", title="Cost", kind=ValueKind.MONEY_MICROS, currency="EUR", whole=True)
RATE = DataColumn(name="resolution_rate", title="Resolution rate", kind=ValueKind.FRACTION)
WAIT = DataColumn(name="avg_wait_ms", title="Mean waiting time", kind=ValueKind.DURATION_MS)
COUNT = DataColumn(name="total_conversations", title="Conversations", kind=ValueKind.INTEGER, whole=True)
NAME = DataColumn(name="name", title="Campaign", kind=ValueKind.TEXT)
VALUES = (12_345_678_901_234_567, 0.7125, 1_500.125, 2**53 + 1)


def document(where: str, locale: str, title: str = "Weekly", extra: Sequence[ReportBlock] = ()) -> ReportDocument:
    """A report about the two days around the night in which the clocks of Berlin are set back, hour by hour."""
    start = datetime(2026, 10, 24, 22, tzinfo=UTC)
    context = DataContext(zone=zone(where), revision=7, as_of=start + 3 * DAY, currency="EUR")
    figures = [KeyFigure(column=one, value=value) for one, value in zip((COST, RATE, WAIT, COUNT), VALUES, strict=True)]
    buckets = [ChartBucket(start=start + n * HOUR, end=start + (n + 1) * HOUR) for n in range(49)]
    line = ChartLine(column=COUNT, values=[None if n == 3 else n for n in range(49)])
    chart = ReportChart(granularity="hour", buckets=buckets, lines=[line])
    blocks = [
        ReportBlock(
            kind="figures",
            title="Key figures",
            note="",
            context=context,
            figures=figures,
            tables=[table_of_figures(figures, context)],
        ),
        ReportBlock(
            kind="series", title="Hours", note="", context=context, chart=chart, tables=[table_of_chart(chart, context)]
        ),
        *extra,
    ]
    return ReportDocument(
        title=title,
        description="",
        organization="Acme",
        locale=locale,
        range="yesterday",
        bounds=Interval(start=start, end=start + 2 * DAY + HOUR),
        zone=zone(where),
        earlier=None,
        made_at=start + 3 * DAY,
        requested_by="key:1",
        version=1,
        run_id=812,
        blocks=blocks,
    )


@pytest.mark.parametrize("locale", texts.LOCALES)
@pytest.mark.parametrize("where", ZONES)
def test_workbook_csv_and_json_hold_the_same_values(where: str, locale: str) -> None:
    made = document(where, locale)
    start = made.bounds.start
    told = json.loads(archive.written(made))
    assert told["blocks"][0]["tables"][0]["rows"] == [list(VALUES)]
    hours = told["blocks"][1]["tables"][0]["rows"]
    instants = [datetime.fromisoformat(row[0]) for row in hours]
    assert instants == [start + n * HOUR for n in range(49)]
    packed = zipfile.ZipFile(io.BytesIO(archive.zipped(made)))
    _, row = csv.reader(io.StringIO(packed.read("01-key-figures.csv").decode()))
    assert row == ["12345678901.234567", "0.7125", "1500.125", str(2**53 + 1)]
    _, *rows = csv.reader(io.StringIO(packed.read("02-hours.csv").decode()))
    assert [datetime.fromisoformat(one[0]) for one in rows] == instants
    assert [one[3] for one in rows] == ["" if n == 3 else str(n) for n in range(49)]
    book = openpyxl.load_workbook(io.BytesIO(workbook.written(made)))
    money, rate, wait, count = next(book["1 Key figures"].iter_rows(min_row=2))
    assert (money.value, rate.value, wait.value) == ("12345678901.234567", 0.7125, 1500.125)
    assert count.value == str(2**53 + 1), "a spreadsheet would lose a digit"
    assert (rate.number_format, next(book["1 Key figures"].iter_rows())[0].value) == (
        "0.0%",
        {"en": "Cost (EUR)", "de": "Kosten (EUR)"}[locale],
    )
    cells = [cell[0] for cell in book["2 Hours"].iter_rows(min_row=2)]
    shown = {(cell.value, cell.number_format) for cell in cells}
    assert len(shown) == 49, "hours that come twice have another offset"
    assert [cell.value.replace(tzinfo=at.tzinfo) for cell, at in zip(cells, _local(instants, where), strict=True)] == (
        _local(instants, where)
    )


def _local(instants: Sequence[datetime], where: str) -> list[datetime]:
    return [at.astimezone(zone(where)) for at in instants]


@pytest.mark.parametrize(
    ("locale", "where", "parts"),
    [
        ("en", "America/St_Johns", ("America/St_Johns", "EUR 12.3B", "71.2%", "1.5 s", "Resolution rate")),
        ("de", "Asia/Kathmandu", ("Asia/Kathmandu", "12,3 Mrd. EUR", "71,2 %", "1,5 s", "Vom Agenten gelöst")),
    ],
)
def test_a_pdf_shows_what_the_page_shows(locale: str, where: str, parts: Sequence[str]) -> None:
    made = document(where, locale)
    html = page.written(made).decode().replace("\xa0", " ")
    for text in (_text(pdf.written(made)), html):
        assert [part for part in parts if part not in text] == []


def _text(content: bytes) -> str:
    text = "\n".join(one.extract_text() for one in pypdf.PdfReader(io.BytesIO(content)).pages)
    return text.replace("\xa0", " ")


@pytest.mark.parametrize(
    "title",
    [
        "Party 🎉 👩‍👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿",
        "สวัสดี ชาวโลก",
        "नमस्ते दुनिया",
        "private \ue000 use, \ufffe no character, \U000e0001 tag, \U0010fffd",
        "right \u202eto\u202c left, zero \u200b\u200d\u2060 width, \ufeff mark",
        "combined e\u0301 a\u0308\u0323\u0331",
        "mathematical \U0001d400\U0001d401 ancient \U00012000",
    ],
)
def test_a_text_that_no_font_has_is_no_reason_for_a_report_to_fail(title: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # As in the container image: there are no fonts but those of the packages.
    own = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=extras.font_folders())
    monkeypatch.setattr(pdf, "_fonts", lambda: own)
    pdf._coverage.cache_clear()
    made = document("UTC", "en", title)
    content = pdf.written(made)
    pdf._coverage.cache_clear()
    assert content.startswith(b"%PDF-1.7")
    assert b"<pdfaid:part>2</pdfaid:part>" in content
    assert openpyxl.load_workbook(io.BytesIO(workbook.written(made)))


def ranking(rows: Sequence[Row], columns: Sequence[DataColumn]) -> ReportBlock:
    context = DataContext(zone=zone("UTC"))
    table = DataTable(name="campaigns", title="Campaigns", columns=columns, context=context, rows=rows)
    place = next(at for at, one in enumerate(columns) if one.is_number)
    bars = [(str(row[0]), row[place]) for row in rows]
    return ReportBlock(
        kind="ranking",
        title="🎉" * 40,
        note="",
        context=context,
        ranking=BarRanking(column=columns[place], bars=bars),
        tables=[table],
    )


def test_a_ranking_has_a_chart_whatever_names_its_rows() -> None:
    shown = dataclasses.replace(NAME, name="display_name", title="Name")
    value = dataclasses.replace(NAME, name="channel", title="Channel")
    extra = [ranking([["spring", 3], ["=1+1", 2]], [NAME, COUNT]), ranking([["web", None, 3]], [value, shown, COUNT])]
    book = openpyxl.load_workbook(io.BytesIO(workbook.written(document("UTC", "en", extra=extra))))
    for sheet, labels_at in zip(book.worksheets[3:], ("$A$2:$A$3", "$A$2"), strict=True):
        (chart,) = sheet._charts
        assert chart.series[0].cat.strRef.f.replace("'", "").endswith(f"!{labels_at}")
        assert len(sheet.title.encode("utf-16-le")) <= 2 * 31


def test_german_titles_are_there_for_every_metric() -> None:
    titles: Any = german_titles.TITLES
    assert [one for one in registry.ALL if one not in titles] == []
    others = {"points", "badges", "rank", "display_name", "value"}
    assert [one for one in german_titles._OTHERS if one not in registry.ALL and one not in others] == []
    unknown = [one for one in german_titles._MEASURED if not any(f"{k}_{one}" in registry.ALL for k in ("avg", "p50"))]
    assert unknown == []


def test_figures_below_zero_are_drawn_within_the_plot() -> None:
    for values in ([-5, 10, -20], [-3, -1], [0, 0]):
        start = datetime(2026, 5, 1, tzinfo=UTC)
        buckets = [ChartBucket(start=start + n * DAY, end=start + (n + 1) * DAY) for n in range(len(values))]
        chart = ReportChart(granularity="day", buckets=buckets, lines=[ChartLine(column=COUNT, values=values)])
        (made,) = charts.prepared(chart, zone("UTC"))
        places = [y for part in made.courses[0].parts for _, y in part.points]
        assert all(-1e-9 <= y <= 1 + 1e-9 for y in places)
        assert 0 in [value for value, _ in made.ticks]
        context = DataContext(zone=zone("UTC"))
        block = ReportBlock(
            kind="series", title="", note="", context=context, chart=chart, tables=[table_of_chart(chart, context)]
        )
        assert page.written(document("UTC", "en", extra=[block]))


def test_many_long_tables_take_bounded_room() -> None:
    context = DataContext(zone=zone("UTC"))
    columns = [dataclasses.replace(NAME, name=f"c{number}") for number in range(8)]
    table = DataTable(name="rows", title="T", columns=columns, context=context, rows=[["word " * 60] * 8] * 1_000)
    block = ReportBlock(kind="table", title="Long", note="", context=context, tables=[table])
    for many, shown in ((1, 1_000), (40, 25)):
        laid = pdf._fitting(document("UTC", "en", extra=[block] * many))
        tables = [one["table"] for one in laid["blocks"][2:]]
        assert {len(one["rows"]) for one in tables} == {shown}
        assert sum(map(pdf._size, laid["blocks"])) <= pdf._ROOM
        assert bool(tables[0]["more"]) is (shown < 1_000)
