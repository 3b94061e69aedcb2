"""What tenants write stays what it is: no formula, no markup, no template, no path."""

import csv
import io
import json
import zipfile
from datetime import timedelta

import openpyxl
import pypdf
import pytest

from server.tenancy.principal import Scope
from tallywire.v1 import report_service_pb2 as pb
from tests.support import serving
from tests.support.reporting import ReportWorker, created, downloaded
from tests.support.serving import Accounts

ALL = (Scope.ADMIN, Scope.INGEST, Scope.BACKFILL, Scope.READ)
FORMATS = [pb.REPORT_FORMAT_PDF, pb.REPORT_FORMAT_HTML, pb.REPORT_FORMAT_XLSX, pb.REPORT_FORMAT_CSV]
NASTY = (
    '=HYPERLINK("http://example.org","x")',
    '#read("/etc/passwd") #sys.inputs',
    "<script>alert(1)</script>",
    "../../../etc/passwd",
    "$ x_1 $ *bold* _it_ @ref <label>",
    "田中さくら",
    "مريم",
    "דוד",
    "김민준",
    "नमस्ते",
    "สวัสดี",
)


@pytest.fixture(scope="module")
async def files(accounts: Accounts, maker: ReportWorker) -> dict[str, bytes]:
    """A report whose every text is one that somebody would try."""
    caller = await accounts.caller(scopes=ALL)
    at = serving.now() - timedelta(days=2)
    await caller.track_all([serving.event("message.sent", at=at, agent_id=one) for one in NASTY])
    titles = [{"kind": "text", "title": one, "note": one} for one in NASTY]
    query = {"metrics": ["events"], "group_by": ["agent"]}
    blocks = [*titles, {"kind": "table", "title": NASTY[3], "query": query}, {"kind": "ranking", "query": query}]
    report = await created(
        caller,
        NASTY[3],
        description=NASTY[1],
        blocks=blocks,
        formats=FORMATS,
        period={"range": "last_7_days"},
    )
    run = await maker.run(caller, {"report_id": report.report_id})
    assert (run.state, run.error, run.failed_blocks) == (pb.REPORT_RUN_STATE_SUCCEEDED, "", 0)
    for one in run.files:
        assert set(one.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-")
    return {name: await downloaded(caller, run, name) for name in ("pdf", "html", "xlsx", "csv", "json")}


def test_a_pdf_shows_texts_as_they_are(files: dict[str, bytes]) -> None:
    reader = pypdf.PdfReader(io.BytesIO(files["pdf"]))
    text = "\n".join(one.extract_text() for one in reader.pages)
    assert "root:" not in text
    for one in NASTY[:6]:
        assert one in text, one
    # The names of all scripts are drawn with fonts that are within the file.
    fonts = {
        font.get_object()["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object()["/FontName"]
        for page in reader.pages
        for font in page["/Resources"]["/Font"].values()
    }
    assert all(
        any(part in name for name in fonts) for part in ("NotoSansCJK", "NotoSansArabic", "OpenSans", "NotoSansThai")
    )
    assert b"<pdfaid:part>2</pdfaid:part>" in files["pdf"]


def test_a_page_has_no_markup_of_theirs(files: dict[str, bytes]) -> None:
    page = files["html"].decode()
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_a_workbook_has_no_formula(files: dict[str, bytes]) -> None:
    book = openpyxl.load_workbook(io.BytesIO(files["xlsx"]))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} <= {"s", "n", "d"}
    assert any(cell.value == NASTY[0] for cell in cells)


def test_no_path_leads_out_of_an_archive(files: dict[str, bytes]) -> None:
    archive = zipfile.ZipFile(io.BytesIO(files["csv"]))
    assert len(archive.namelist()) == 2
    assert all("/" not in name and ".." not in name for name in archive.namelist())
    rows = list(csv.reader(io.StringIO(archive.read(archive.namelist()[0]).decode())))
    agents = {cell for row in rows for cell in row}
    assert f"'{NASTY[0]}" in agents
    assert not any(cell.startswith("=") for cell in agents)


def test_json_has_every_text(files: dict[str, bytes]) -> None:
    told = json.loads(files["json"])
    assert [block["title"] for block in told["blocks"][: len(NASTY)]] == list(NASTY)
