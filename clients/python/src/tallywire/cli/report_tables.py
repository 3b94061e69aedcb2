"""Reports, runs and schedules as tables of a terminal and as CSV."""

from collections.abc import Sequence

from google.protobuf import timestamp_pb2
from rich.console import Console
from rich.text import Text

from tallywire.cli import formatting, tables
from tallywire.cli.csv_output import Cell, Sheet
from tallywire.cli.tables import Column
from tallywire.reports import Report, ReportRun, ReportSchedule
from tallywire.v1 import report_service_pb2

_UTC = "UTC"


def _name(kind: str, text: str) -> str:
    return text.removeprefix(f"{kind}_").lower()


def state(run: ReportRun) -> str:
    """Returns the state of a run in a word."""
    return _name("REPORT_RUN_STATE", report_service_pb2.ReportRunState.Name(run.state))


def formats(numbers: Sequence[report_service_pb2.ReportFormat.ValueType]) -> str:
    """Returns formats by name."""
    return ", ".join(_name("REPORT_FORMAT", report_service_pb2.ReportFormat.Name(one)) for one in numbers)


def _visibility(one: Report) -> str:
    return _name("REPORT_VISIBILITY", report_service_pb2.ReportVisibility.Name(one.visibility))


def _iso(at: timestamp_pb2.Timestamp) -> str:
    return at.ToJsonString() if at.seconds else ""


def sheet_of_reports(found: Sequence[Report]) -> Sheet:
    """Returns a row for each report."""
    header = ("report_id", "title", "visibility", "owner", "version", "updated_at")
    rows = [(one.report_id, one.title, _visibility(one), one.owner, one.version, _iso(one.updated_at)) for one in found]
    return Sheet(header=header, rows=rows)


def sheet_of_runs(found: Sequence[ReportRun]) -> Sheet:
    """Returns a row for each file of each run; one of a run without files."""
    header = (
        "run_id", "title", "state", "start", "end", "time_zone", "first_revision", "last_revision", "rows",
        "requested_by", "schedule_id", "created_at", "ended_at", "format", "bytes", "sha256", "error",
    )  # fmt: skip
    empty = report_service_pb2.ReportFile()
    rows = [_row_of_run(one, file) for one in found for file in one.files or [empty]]
    return Sheet(header=header, rows=rows)


def _row_of_run(one: ReportRun, file: report_service_pb2.ReportFile) -> Sequence[Cell]:
    return (
        one.run_id,
        one.title,
        state(one),
        _iso(one.start),
        _iso(one.end),
        one.time_zone,
        one.first_revision,
        one.last_revision,
        one.rows,
        one.requested_by,
        one.schedule_id,
        _iso(one.created_at),
        _iso(one.ended_at),
        formats([file.format]) if file.name else "",
        file.bytes if file.name else None,
        file.sha256,
        one.error,
    )


def sheet_of_schedules(found: Sequence[ReportSchedule]) -> Sheet:
    """Returns a row for each schedule."""
    header = ("schedule_id", "report_id", "report", "when", "cron", "time_zone", "paused", "next_run")
    rows = [
        (
            one.schedule_id,
            one.report_id,
            one.report_title,
            one.when,
            one.cron,
            one.time_zone,
            str(one.paused).lower(),
            _iso(one.next_runs[0]) if one.next_runs else "",
        )
        for one in found
    ]
    return Sheet(header=header, rows=rows)


def show_reports(console: Console, found: Sequence[Report]) -> None:
    """Prints reports."""
    if not found:
        console.print("No report is saved. Begin with one of `tallywire reports templates`.")
        return
    columns = [Column(heading=one, is_text=True) for one in ("Report", "Seen by", "Id", "Changed")]
    rows = [
        [one.title, _visibility(one), one.report_id, formatting.instant(one.updated_at, formatting.zone(_UTC))]
        for one in found
    ]
    tables.show(console, columns, rows)


def show_templates(console: Console, found: Sequence[Report]) -> None:
    """Prints reports to begin with."""
    columns = [Column(heading=one, is_text=True) for one in ("Template", "Title", "Description")]
    tables.show(console, columns, [[one.report_id, one.title, one.description] for one in found])


def show_report(console: Console, one: Report) -> None:
    """Prints a report: what it says, and its blocks."""
    console.print(Text(one.title, style="bold"))
    period = one.period
    facts = [
        one.report_id,
        f"version {one.version}",
        _visibility(one),
        period.range or "last_full_week",
        formats(one.formats) or "pdf",
    ]
    if one.HasField("restriction"):
        facts.append(formatting.part(one.restriction))
    console.print(Text(" · ".join(facts)))
    if one.description:
        console.print(Text(one.description))
    columns = [Column(heading=name, is_text=True) for name in ("Block", "Kind", "Asks")]
    rows = [[block.title, block.kind, (block.WhichOneof("question") or "").replace("_", " ")] for block in one.blocks]
    tables.show(console, columns, rows)


def show_runs(console: Console, found: Sequence[ReportRun]) -> None:
    """Prints runs, with why those failed that have."""
    if not found:
        console.print("No run.")
        return
    columns = [
        Column(heading="Run", is_text=True),
        Column(heading="Report", is_text=True),
        Column(heading="State", is_text=True),
        Column(heading="Period", is_text=True),
        Column(heading="Revision"),
        Column(heading="Rows"),
        Column(heading="Files", is_text=True),
    ]
    rows = [
        [
            one.run_id,
            one.title,
            state(one),
            _days(one),
            formatting.count(one.last_revision) if one.last_revision else "",
            formatting.count(one.rows) if one.last_revision else "",
            formats([file.format for file in one.files]),
        ]
        for one in found
    ]
    tables.show(console, columns, rows)
    for one in found:
        if one.error:
            console.print(Text(f"run {one.run_id}: {one.error}"))
        if one.failed_blocks:
            console.print(Text(f"run {one.run_id}: {one.failed_blocks} blocks were refused; its files say why"))
        if one.HasField("changed_figures"):
            told = f"{one.changed_figures:,} figures differ from those of run {one.again_of}"
            console.print(Text(f"run {one.run_id}: {told}"))


def _days(one: ReportRun) -> str:
    where = formatting.zone(one.time_zone)
    first = formatting.instant(one.start, where, "%Y-%m-%d")
    last = timestamp_pb2.Timestamp(seconds=one.end.seconds - 1)
    return f"{first}..{formatting.instant(last, where, '%Y-%m-%d')}"


def show_schedules(console: Console, found: Sequence[ReportSchedule]) -> None:
    """Prints schedules; of a single one the next runs, too, with their offsets."""
    if not found:
        console.print("No schedule.")
        return
    columns = [Column(heading=name, is_text=True) for name in ("Schedule", "Report", "When", "Zone", "Next run")]
    rows = [
        [one.schedule_id, one.report_title, one.when, one.time_zone, "paused" if one.paused else _next(one)]
        for one in found
    ]
    tables.show(console, columns, rows)
    if len(found) == 1 and not found[0].paused:
        console.print("Next runs:")
        for at in found[0].next_runs:
            shown = formatting.instant(at, formatting.zone(found[0].time_zone), "%a %Y-%m-%d %H:%M %z")
            console.print(Text(f"  {shown}"))


def _next(one: ReportSchedule) -> str:
    if not one.next_runs:
        return ""
    return formatting.instant(one.next_runs[0], formatting.zone(one.time_zone))
