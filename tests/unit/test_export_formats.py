"""Files of tables, read again by libraries that did not write them."""

import csv
import io
import json
import os
import tempfile
import time
import zoneinfo
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server import errors
from server.errors import Reason, Refused
from server.exports import arrow_files, csv_file, formats, labels, spreadsheet
from server.exports.formats import Format
from server.exports.tables import DataColumn, DataContext, DataTable, Row, ValueKind
from tests.support import full_disks

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
KATHMANDU = zoneinfo.ZoneInfo("Asia/Kathmandu")
COLUMNS = (
    DataColumn(name="agent_id", title="Agent", kind=ValueKind.TEXT),
    DataColumn(name="messages", title="Messages", kind=ValueKind.INTEGER, unit="1", whole=True),
    DataColumn(
        name="cost_micros", title="Cost", kind=ValueKind.MONEY_MICROS, unit="micros", currency="EUR", whole=True
    ),
    DataColumn(
        name="cost_per_user_micros", title="Cost of a user", kind=ValueKind.MONEY_MICROS, unit="micros", currency="EUR"
    ),
    DataColumn(name="error_rate", title="Error rate", kind=ValueKind.FRACTION, unit="fraction"),
    DataColumn(name="avg_wait_ms", title="Mean wait", kind=ValueKind.DURATION_MS, unit="ms"),
    DataColumn(name="began_at", title="Began at", kind=ValueKind.INSTANT),
    DataColumn(name="day", title="Day", kind=ValueKind.DATE),
    DataColumn(name="running", title="Running", kind=ValueKind.BOOLEAN),
)
# The hour that comes twice in Berlin, first in summer time.
TWICE = datetime(2024, 10, 27, 0, 30, tzinfo=UTC)
ROWS: Sequence[Row] = [
    ["ada", 3, 12_345_678, 1_234.5678901234, 0.25, 1_500.125, TWICE, date(2024, 10, 27), True],
    ["=cmd()", 0, 0, 0.1, 0.0, 0.0, TWICE + timedelta(hours=1), date(2024, 10, 28), False],
    [None] * 9,
    [
        'Zoë, "the" first',
        2**53 + 1,
        -1,
        333.3333333333333,
        1.0,
        1e-9,
        datetime(2024, 1, 1, 0, 0, 0, 1, UTC),
        None,
        None,
    ],
]


def table(
    rows: Sequence[Row] = ROWS, columns: Sequence[DataColumn] = COLUMNS, zone: zoneinfo.ZoneInfo = BERLIN
) -> DataTable:
    context = DataContext(
        zone=zone,
        revision=812,
        epoch="e",
        as_of=TWICE,
        start=TWICE,
        end=TWICE + timedelta(days=1),
        currency="EUR",
        approximate=("p95_response_time_ms",),
        max_relative_error=0.01,
    )
    return DataTable(name="by_agent", title="By agent", columns=columns, context=context, rows=rows, notes=("a note",))


def file(one: Format, *tables: DataTable) -> bytes:
    return b"".join(formats.written(one, tables))


@pytest.mark.parametrize("zone", [BERLIN, KATHMANDU, zoneinfo.ZoneInfo("UTC")])
def test_csv_has_every_digit_and_the_offsets_of_a_zone(zone: zoneinfo.ZoneInfo) -> None:
    read = list(csv.reader(io.StringIO(file(Format.CSV, table(zone=zone)).decode(), newline="")))
    assert read[0] == [
        "Agent",
        "Messages",
        "Cost (EUR)",
        "Cost of a user (EUR)",
        "Error rate (fraction)",
        "Mean wait (ms)",
        "Began at",
        "Day",
        "Running",
    ]
    assert read[3] == [""] * 9
    for row, cells in zip(ROWS, read[1:], strict=True):
        _, messages, cost, mean, rate, wait, began, day, running = row
        assert cells[1] == ("" if messages is None else str(messages))
        assert (Decimal(cells[2]) if cells[2] else None) == (None if cost is None else Decimal(str(cost)).scaleb(-6))
        if mean is not None:
            assert Decimal(cells[3]).scaleb(6) == Decimal(repr(mean))
            assert (float(cells[4]), float(cells[5])) == (rate, wait)
            assert datetime.fromisoformat(cells[6]) == began
            assert datetime.fromisoformat(cells[6]).utcoffset() == began.astimezone(zone).utcoffset()  # type: ignore[union-attr]
            assert cells[7] == ("" if day is None else day.isoformat())  # type: ignore[union-attr]
            assert cells[8] == {True: "true", False: "false", None: ""}[running]  # type: ignore[index]
    assert read[2][0] == "'=cmd()"


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2), max_size=5))
def test_any_text_comes_out_of_csv_as_it_was_but_for_an_apostrophe(rows: list[list[str]]) -> None:
    columns = [DataColumn(name=name, title=name, kind=ValueKind.TEXT) for name in ("a", "b")]
    text = file(Format.CSV, table(rows, columns)).decode("utf-8", "surrogatepass")
    read = list(csv.reader(io.StringIO(text, newline="")))
    kept = [
        [cell if cell == own else cell.removeprefix("'") for cell, own in zip(cells, row, strict=True)]
        for cells, row in zip(read[1:], rows, strict=True)
    ]
    assert kept == rows
    for cells in read[1:]:
        assert not any(cell.lstrip()[:1] in tuple("=+-@＝＋－＠") for cell in cells)
        assert not any(cell[:1] in ("\t", "\r", "\n") for cell in cells)


@pytest.mark.parametrize("text", ["=1", " =1", "\t=1", "+1", "-1", "@SUM(A1)", "＝1", "\n=1", "\r1", "-"])
def test_a_text_that_would_be_a_formula_gets_an_apostrophe(text: str) -> None:
    assert csv_file.harmless(text) == f"'{text}"


def test_json_has_the_units_of_the_contract() -> None:
    lines = file(Format.JSON_LINES, table()).decode().splitlines()
    first = json.loads(lines[0])
    assert first["cost_micros"] == 12_345_678
    assert first["began_at"] == "2024-10-27T02:30:00+02:00"
    assert set(json.loads(lines[2]).values()) == {None}
    document = json.loads(file(Format.JSON, table(), table([])))
    assert [len(one["rows"]) for one in document["tables"]] == [len(ROWS), 0]
    assert document["tables"][0]["rows"] == [json.loads(line) for line in lines]
    assert document["tables"][0]["context"]["as_of_revision"] == 812
    assert document["tables"][0]["context"]["time_zone"] == "Europe/Berlin"
    assert document["tables"][0]["columns"][2] == {
        "name": "cost_micros",
        "title": "Cost",
        "kind": "money_micros",
        "unit": "micros",
        "currency": "EUR",
    }
    assert json.loads(file(Format.JSON)) == {"tables": []}


@pytest.mark.parametrize("one", [Format.PARQUET, Format.ARROW])
@pytest.mark.parametrize("zone", [BERLIN, KATHMANDU])
def test_arrow_is_typed(one: Format, zone: zoneinfo.ZoneInfo) -> None:
    data = file(one, table(zone=zone))
    read: Any = (
        pyarrow.parquet.read_table(io.BytesIO(data))
        if one is Format.PARQUET
        else pyarrow.ipc.open_stream(data).read_all()
    )
    assert read.schema.field("cost").type == pyarrow.decimal128(38, 6)
    assert read.schema.field("began_at").type == pyarrow.timestamp("us", tz=zone.key)
    assert read.schema.field("messages").type == pyarrow.int64()
    assert read.schema.field("cost").metadata == {b"title": b"Cost", b"unit": b"EUR"}
    assert json.loads(read.schema.metadata[b"tallywire"])["as_of_revision"] == 812
    assert read["cost"].to_pylist() == [Decimal("12.345678"), Decimal("0E-6"), None, Decimal("-0.000001")]
    assert read["messages"].to_pylist() == [3, 0, None, 2**53 + 1]
    assert read["avg_wait_ms"].to_pylist() == [1_500.125, 0.0, None, 1e-9]
    assert [at and at.astimezone(UTC) for at in read["began_at"].to_pylist()] == [row[6] for row in ROWS]
    assert read["agent_id"].to_pylist() == [row[0] for row in ROWS]
    assert read["day"].to_pylist() == [row[7] for row in ROWS]


def test_parquet_has_groups_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow_files, "_ROW_GROUP", 100)
    making = formats.writer(Format.PARQUET)
    columns = [DataColumn(name="n", title="N", kind=ValueKind.INTEGER, whole=True)]
    parts = [making.begin(table([], columns))]
    parts += [making.rows([[number + 50 * portion] for number in range(50)]) for portion in range(5)]
    sent_before_the_end = len(b"".join(parts))
    parts += making.finish()
    making.close()
    read = pyarrow.parquet.ParquetFile(io.BytesIO(b"".join(parts)))
    assert read.metadata.num_row_groups == 3
    assert sent_before_the_end > 200
    assert read.read()["n"].to_pylist() == list(range(250))


def workbook(data: bytes) -> Any:
    return openpyxl.load_workbook(io.BytesIO(data))


@pytest.mark.parametrize("zone", [BERLIN, KATHMANDU])
def test_a_spreadsheet_has_numbers_dates_and_percent(zone: zoneinfo.ZoneInfo) -> None:
    read = workbook(file(Format.XLSX, table(zone=zone), table([["a", *[None] * 8]])))
    assert read.sheetnames == ["By agent", "By agent (2)", "About"]
    sheet = read["By agent"]
    assert sheet.freeze_panes == "A2"
    assert [cell.value for cell in sheet[1]][2] == "Cost (EUR)"
    first, second, third, last = (list(sheet[number]) for number in (2, 3, 4, 5))
    assert [cell.value for cell in first[:6]] == [
        "ada",
        3,
        12.345678,
        pytest.approx(0.0012345678901234, rel=1e-15),
        0.25,
        1_500.125,
    ]
    assert first[4].number_format == "0.00%"
    assert first[6].value == TWICE.astimezone(zone).replace(tzinfo=None)
    offset = TWICE.astimezone(zone).isoformat()[-6:]
    assert first[6].number_format == f'yyyy-mm-dd hh:mm:ss "{offset}"'
    if zone is BERLIN:  # the same time of day, and another offset
        assert second[6].value == first[6].value
        assert second[6].number_format.endswith('"+01:00"')
    assert first[7].value == datetime(2024, 10, 27)  # noqa: DTZ001 - a spreadsheet knows no zones
    assert first[8].value is True
    assert second[0].value == "=cmd()"
    assert second[0].data_type == "s"
    assert [cell.value for cell in third] == [None] * 9
    assert last[1].value == str(2**53 + 1)  # a number would lose its last digit
    told = list(read["About"].iter_rows(max_row=8))
    about = {row[0].value: row[1].value for row in told}
    assert about["Revision"] == "812"
    assert about["Time zone"] == zone.key
    assert about["Note"] == "a note"


def test_rows_beyond_a_sheet_go_on_in_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheet, "MOST_ROWS", 4)
    columns = [DataColumn(name="n", title="N", kind=ValueKind.INTEGER, whole=True)]
    read = workbook(file(Format.XLSX, table([[number] for number in range(7)], columns)))
    assert read.sheetnames == ["By agent", "By agent (2)", "By agent (3)", "About"]
    found = [row[0].value for name in read.sheetnames[:3] for row in read[name].iter_rows(min_row=2)]
    assert found == list(range(7))
    assert all(read[name]["A1"].value == "N" for name in read.sheetnames[:3])


def test_a_text_longer_than_a_cell_is_cut_and_marked() -> None:
    columns = [DataColumn(name="t", title="T", kind=ValueKind.TEXT)]
    making = formats.writer(Format.XLSX)
    making.begin(table([], columns))
    making.rows([["x" * 32_767], ["x" * 32_768], ["😀" * 20_000]])
    data = b"".join(making.finish())
    assert making.cut_cells == 2
    folder = making._folder  # type: ignore[attr-defined]
    assert Path(folder).exists()
    making.close()
    assert not Path(folder).exists()
    read = workbook(data)
    whole, cut, wide = (read["By agent"][f"A{number}"].value for number in (2, 3, 4))
    assert whole == "x" * 32_767
    assert len(cut) == 32_767
    assert cut.endswith(spreadsheet._CUT)
    assert len(wide.encode("utf-16-le")) <= 2 * 32_767
    assert wide.startswith("😀" * 16_000)
    assert "2 texts" in {row[0].value: row[1].value for row in read["About"].iter_rows()}["Cut cells"]


def test_a_writer_that_is_thrown_away_leaves_nothing() -> None:
    making = formats.writer(Format.XLSX)
    making.begin(table([]))
    making.rows(ROWS)
    folder = making._folder  # type: ignore[attr-defined]
    making.close()
    assert not folder.exists()


@pytest.mark.parametrize("size", [0, 1_000, 300_000])
def test_a_full_disk_is_told_and_nothing_is_left_on_it(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path) if size else None)
    many = table([[f"agent-{number}-{number * 7919:x}" * 5, *[None] * 8] for number in range(5_000)])
    with full_disks.largest_file(size), pytest.raises(errors.FilesUnavailable):
        b"".join(formats.written(Format.XLSX, [many]))
    assert list(tmp_path.iterdir()) == []


def test_folders_of_servers_that_were_killed_do_not_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    killed, other = tmp_path / "tallywire-export-x", tmp_path / "tallywire-export-y"
    for one in (killed, other):
        one.mkdir()
    (killed / "sheet").write_bytes(b"x")
    long_ago = time.time() - 2 * 86_400
    os.utime(killed, (long_ago, long_ago))
    formats.writer(Format.XLSX).close()
    assert list(tmp_path.iterdir()) == [other]


# What XML can hold: openpyxl reads nothing else.
_READABLE = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Co"), exclude_characters="_"), max_size=40
)


@settings(max_examples=10)
@given(st.lists(_READABLE, min_size=10, max_size=50))
def test_any_text_comes_out_of_a_spreadsheet_as_it_was(texts: list[str]) -> None:
    columns = [DataColumn(name="t", title="T", kind=ValueKind.TEXT)]
    sheet = workbook(file(Format.XLSX, table([[text] for text in texts], columns)))["By agent"]
    assert [sheet[f"A{number}"].value or "" for number in range(2, 2 + len(texts))] == texts


def test_a_format_without_its_library_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow_files, "is_there", lambda: False)
    with pytest.raises(Refused) as caught:
        formats.writer(Format.PARQUET)
    assert caught.value.reason is Reason.FORMAT_NOT_INSTALLED
    assert caught.value.metadata == {"command": "pip install 'pyarrow>=21'"}


def test_columns_of_one_title_are_told_apart() -> None:
    columns = [DataColumn(name=name, title="Cost", kind=ValueKind.TEXT) for name in ("a", "b")]
    assert labels.titled(columns) == ["Cost [a]", "Cost [b]"]


def test_a_format_that_holds_one_table_takes_one() -> None:
    with pytest.raises(ValueError, match="one table"):
        file(Format.CSV, table(), table())
