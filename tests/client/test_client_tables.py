"""What all commands share for tables: CSV, and tables that fit the terminal."""

import csv
import io
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import answers
import pytest
import scripted
from rich.console import Console
from typer.testing import Result

from tallywire.cli import csv_output, tables
from tallywire.cli.csv_output import Sheet
from tallywire.cli.tables import Column

Run = Callable[..., Result]


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        (None, ""),
        (0, "0"),
        (-5, "-5"),
        (2**53 + 1, "9007199254740993"),
        (0.1, "0.1"),
        (True, "true"),
        (datetime(2026, 1, 5, tzinfo=timezone(timedelta(hours=5, minutes=45))), "2026-01-05T00:00:00+05:45"),
        (datetime(2026, 1, 5, 12, 30, tzinfo=UTC), "2026-01-05T12:30:00+00:00"),
        ("", ""),
        ("plain text", "plain text"),
        ('a,"b"', '"a,""b"""'),
        ("a;b", '"a;b"'),
        ("two\r\nlines", '"two\r\nlines"'),
        (" blank", '" blank"'),
        ("=1+1", "'=1+1"),
        ("+49 30", "'+49 30"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        (" =1", "' =1"),
        ("\t=1", '"\'\t=1"'),
        ("\rx", '"\'\rx"'),
        ("＝1", "'＝1"),
        ('=HYPERLINK("x")', '"\'=HYPERLINK(""x"")"'),
        ("a=b", "a=b"),
        ("   ", '"   "'),
    ],
)
def test_cells(cell: Any, written: str) -> None:
    header, row = csv_output.lines(Sheet(header=["a", "b"], rows=[[cell, 1]]))
    assert (header, row) == ("a,b\r\n", f"{written},1\r\n")
    kept = next(csv.reader(io.StringIO(row, newline="")))[0]
    if isinstance(cell, str):
        assert kept.removeprefix("'") == cell


def test_a_row_with_nothing_is_a_row() -> None:
    assert list(csv_output.lines(Sheet(header=["a"], rows=[[None]]))) == ["a\r\n", '""\r\n']


def read(printed: Result) -> list[dict[str, str]]:
    """Returns the rows of what a command has printed."""
    assert (printed.exit_code, printed.stderr) == (0, "")
    assert printed.stdout_bytes.count(b"\n") == printed.stdout_bytes.count(b"\r\n")
    return list(csv.DictReader(io.StringIO(printed.stdout_bytes.decode(), newline="")))


def test_questions_as_csv(run: Run, script: scripted.Script) -> None:
    overview = answers.overview()
    overview.earlier.events, overview.compared.start.seconds, overview.compared.end.seconds = 7, 0, 900
    agent = answers.agent("=bot")
    agent.context.as_of_time.FromDatetime(answers.START + timedelta(days=1))
    script.answers.update(overview=overview, agent=agent, usage=answers.usage(metrics=3))
    rows = read(run("overview", "--csv"))
    now = ("2026-01-05T00:00:00+05:45", "2026-01-12T00:00:00+05:45")
    assert {tuple(row) for row in rows} == {("start", "end", "figure", "of", "value")}
    figures = {(row["figure"], row["of"]): row["value"] for row in rows if (row["start"], row["end"]) == now}
    assert figures["total_messages", ""] == "1234567"
    assert figures["total_conversations", ""] == "0"
    assert figures["satisfaction_score", ""] == ""
    assert (figures["messages_change", ""], figures["users_change", ""]) == ("-12.5", "")
    assert figures["events", "custom.type_1"] == "920"
    earlier = {row["figure"]: row["value"] for row in rows if row["start"] == "1970-01-01T05:30:00+05:30"}
    assert earlier["events"] == "7"
    assert "messages_change" not in earlier

    rows = read(run("agent", "bot", "--csv"))
    assert {row["agent_id"] for row in rows} == {"'=bot"}
    assert [row["value"] for row in rows if row["figure"] == "message_count"] == ["258145", "0", "100"]
    assert {(row["start"], row["end"]) for row in rows[:-10]} == {now}

    rows = read(run("usage", "--csv"))
    names = [f"a_metric_number_{number}" for number in range(3)]
    assert list(rows[0]) == ["start", "end", "state", *names]
    assert [rows[1][name] for name in ("start", "state", *names)] == [
        "2026-01-06T00:00:00+05:45", "whole", "1000", "", "",
    ]  # fmt: skip
    both = run("usage", "--csv", "--json")
    assert (both.exit_code, both.stderr) == (2, "tallywire: --json goes without --csv\n")


COLUMNS = (
    Column(heading="agent", is_text=True),
    Column(heading="messages_sent"),
    Column(heading="avg_response_time_ms"),
)
ROWS = (("bot", "1,234", "850 ms"), ("a-name-that-is-longer-than-names-are\x1b[31m", "7", "–"))


def shown(width: int, columns: Sequence[Column] = COLUMNS, **options: Any) -> list[str]:
    """Returns the lines of a table in a terminal of some width."""
    console = Console(file=io.StringIO(), width=width, color_system=None)
    tables.show(console, columns, ROWS, apart=[("total", "1,241", "850 ms")], **options)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b" not in text
    lines = [line.rstrip() for line in text.splitlines()]
    assert max(map(len, lines)) <= width
    return lines


def test_what_has_no_heading_or_is_empty_has_no_line_of_a_list() -> None:
    console = Console(file=io.StringIO(), width=20, color_system=None)
    columns = (Column(heading="Start", is_text=True), Column(heading="messages"), Column(heading="", is_text=True))
    tables.show(console, columns, [["2026-01-01", "1,234", "running"], ["2026-01-02", "", ""]])
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    assert text.split("\n") == ["2026-01-01 · running", "  messages  1,234", "", "2026-01-02", ""]


def test_a_table_fits_the_terminal() -> None:
    wide = shown(120, charts=lambda width: ["█" * width, "█"])
    assert wide[0].split() == ["agent", "messages_sent", "avg_response_time_ms"]
    assert wide[2].split() == ["bot", "1,234", "850", "ms", "█" * 24]
    assert wide[3].startswith("a-name-that-is-longer-than-names-are?[31m ")
    assert wide[4:] == ["", wide[5]]
    assert wide[5].split() == ["total", "1,241", "850", "ms"]
    assert shown(74, charts=lambda width: ["█" * width, "█"])[-4].split()[-1] == "█" * 9
    narrow = shown(50)
    assert [line.split() for line in narrow[:3]] == [["avg_"], ["messages_", "response_"], ["agent", "sent", "time_ms"]]
    assert narrow[5] == "a-name-that-is-longer-than-…          7          –"
    assert shown(30) == [
        "bot",
        "  messages_sent          1,234",
        "  avg_response_time_ms  850 ms",
        "",
        "a-name-that-is-longer-than-na…",
        "  messages_sent              7",
        "  avg_response_time_ms       –",
        "",
        "total",
        "  messages_sent          1,241",
        "  avg_response_time_ms  850 ms",
    ]
