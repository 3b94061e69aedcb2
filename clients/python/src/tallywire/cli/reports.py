"""The commands `tallywire reports …`: saved reports, their runs, files and schedules."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, cast

import typer
from google.protobuf import json_format
from rich.console import Console

from tallywire import client, reports
from tallywire.cli import formatting, json_output, options, problems, report_tables
from tallywire.reports import FormatName, Report, ReportRun, ReportSchedule, RunOptions
from tallywire.v1 import report_service_pb2

_FORMATS: Final[tuple[FormatName, ...]] = ("pdf", "html", "xlsx", "csv", "json")
_SUFFIXES: Final = {".pdf": "pdf", ".html": "html", ".htm": "html", ".xlsx": "xlsx", ".zip": "csv", ".json": "json"}
_RUN_ID: Final = re.compile(r"\d+")

app = typer.Typer(
    help="Keep, run, schedule and download reports.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Named = Annotated[str, typer.Argument(metavar="REPORT", help="Its id, or its title.")]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="The number of the run.")]
ScheduleId = Annotated[str, typer.Argument(metavar="SCHEDULE", help="The id of the schedule.")]
Formats = Annotated[
    list[str] | None, typer.Option("--format", help=f"{', '.join(_FORMATS)}; may be repeated. Default: the report's.")
]


@app.command(name="list")
@problems.reported
@options.grouped
def list_reports(*, to: options.ServerOptions, output: options.OutputOptions) -> None:
    """List the reports that the key may see."""
    with to.connect() as server:
        found = server.reports.list()
    output.emit(
        document=lambda: [json_output.of(one) for one in found],
        sheet=lambda: report_tables.sheet_of_reports(found),
        terminal=lambda console: report_tables.show_reports(console, found),
    )


@app.command()
@problems.reported
@options.grouped
def templates(*, to: options.ServerOptions, output: options.OutputOptions) -> None:
    """List reports to begin with."""
    with to.connect() as server:
        found = server.reports.templates()
    output.emit(
        document=lambda: [json_output.of(one) for one in found],
        sheet=lambda: report_tables.sheet_of_reports(found),
        terminal=lambda console: report_tables.show_templates(console, found),
    )


@app.command()
@problems.reported
@options.grouped
def show(*, report: Named, to: options.ServerOptions, output: options.OutputOptions) -> None:
    """Show a report; --json can be changed and stored."""
    with to.connect() as server:
        found = server.reports.get(_report_id(server, report))
    output.emit(
        document=lambda: json_format.MessageToDict(found, preserving_proto_field_name=True),
        sheet=lambda: report_tables.sheet_of_reports([found]),
        terminal=lambda console: report_tables.show_report(console, found),
    )


@app.command()
@problems.reported
@options.grouped
def create(
    *,
    template: Annotated[str | None, typer.Option("--template", help="One of `tallywire reports templates`.")] = None,
    file: Annotated[Path | None, typer.Option("--file", help="JSON of a report, as `show --json` prints it.")] = None,
    title: Annotated[str, typer.Option("--title", help="Its title. Default: that of the template or file.")] = "",
    range_: Annotated[str, typer.Option("--range", help="Its period: last_full_week, 2026-11-01..2026-11-28 …")] = "",
    time_zone: Annotated[str, typer.Option("--tz", help="IANA zone of its days. Default: the organization's.")] = "",
    locale: Annotated[str, typer.Option("--locale", help="Language of its texts: en or de.")] = "",
    format_: Formats = None,
    shared: Annotated[bool, typer.Option("--shared", help="Everybody in the organization sees it.")] = False,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """Store a report, of a template or of a file.

    With --shared it needs a key with the scope edit.
    """
    if (template is None) == (file is None):
        raise problems.WrongUsage("give either --template or --file")
    with to.connect() as server:
        wanted = _of_template(server, template) if template is not None else _of_file(file)
        wanted.title = title or wanted.title
        wanted.locale = locale or wanted.locale
        if range_:
            wanted.period.range = range_
        if time_zone:
            wanted.period.time_zone = time_zone
        if format_:
            del wanted.formats[:]
            wanted.formats.extend(reports.format_number(one) for one in _formats(format_))
        if shared:
            wanted.visibility = report_service_pb2.REPORT_VISIBILITY_ORGANIZATION
        made = server.reports.create(wanted)
    output.emit(
        document=lambda: json_output.of(made),
        sheet=lambda: report_tables.sheet_of_reports([made]),
        terminal=lambda console: report_tables.show_report(console, made),
    )


@app.command()
@problems.reported
@options.grouped
def delete(*, report: Named, to: options.ServerOptions) -> None:
    """Delete a report with its schedules, runs and files."""
    with to.connect() as server:
        server.reports.delete(_report_id(server, report))
    typer.echo(f"deleted {formatting.plain(report)}")


@app.command()
@problems.reported
@options.grouped
def run(
    *,
    report: Annotated[str, typer.Argument(metavar="REPORT", help="Its id, or its title.")] = "",
    again: Annotated[str, typer.Option("--again", metavar="RUN", help="The period of an earlier run once more.")] = "",
    range_: Annotated[str, typer.Option("--range", help="A period in place of the report's.")] = "",
    format_: Formats = None,
    file: Annotated[Path | None, typer.Option("-o", "--output", help="Wait, and write its file here.")] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Print the run at once, and do not wait.")] = False,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """Run a report, and wait until its files are there."""
    if bool(report) == bool(again):
        raise problems.WrongUsage("give either REPORT or --again")
    chosen: RunOptions = {"range": range_, "formats": _run_formats(format_, file)}
    with to.connect() as server:
        if again:
            found = server.reports.run_again(again, **chosen)
        else:
            found = server.reports.run(_report_id(server, report), **chosen)
        if not no_wait:
            found = server.reports.wait(found.run_id)
        if file is not None and found.state == report_service_pb2.REPORT_RUN_STATE_SUCCEEDED:
            server.reports.download(found.run_id, file, kind=_format_of(file, found))
    if found.state == report_service_pb2.REPORT_RUN_STATE_FAILED:
        raise problems.WrongUsage(f"run {found.run_id} failed: {found.error}")
    _emit_runs(output, [found])


@app.command()
@problems.reported
@options.grouped
def download(
    *,
    run: RunId,
    file: Annotated[Path, typer.Option("-o", "--output", help="Where the file goes.")],
    format_: Annotated[str, typer.Option("--format", help="Which file. Default: by the suffix of the output.")] = "",
    to: options.ServerOptions,
) -> None:
    """Write a file of a run, whole and with its checksum verified."""
    with to.connect() as server:
        found = server.reports.get_run(run)
        wanted = _formats([format_])[0] if format_ else _format_of(file, found)
        told = server.reports.download(run, file, kind=wanted)
    typer.echo(f"{formatting.plain(str(file))}  {formatting.size(told.bytes)}  sha256 {told.sha256}")


@app.command()
@problems.reported
@options.grouped
def history(
    *,
    report: Annotated[str, typer.Argument(metavar="REPORT", help="Its id, or its title. Default: all.")] = "",
    most: Annotated[int, typer.Option("--limit", min=1, help="How many runs.")] = 20,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """List runs, the newest first."""
    with to.connect() as server:
        report_id = _report_id(server, report) if report else ""
        found = [one for one, _ in zip(server.reports.runs(report_id=report_id), range(most), strict=False)]
    _emit_runs(output, found)


@app.command()
@problems.reported
@options.grouped
def cancel(*, run: RunId, to: options.ServerOptions, output: options.OutputOptions) -> None:
    """End a run that has not ended."""
    with to.connect() as server:
        found = server.reports.cancel(run)
    _emit_runs(output, [found])


@app.command()
@problems.reported
@options.grouped
def schedule(
    *,
    report: Named,
    when: Annotated[str, typer.Argument(metavar="WHEN", help='"weekdays at 07:00", or five fields of cron.')],
    time_zone: Annotated[str, typer.Option("--tz", help="IANA zone of WHEN. Default: the organization's.")] = "",
    catch_up_all: Annotated[
        bool, typer.Option("--catch-up-all", help="After a pause run all that was missed.")
    ] = False,
    destination: Annotated[
        list[str] | None, typer.Option("--to", help="Id of a destination to send it to; may be repeated.")
    ] = None,
    format_: Formats = None,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """Have a report run by itself, and show the next five runs."""
    wanted = ReportSchedule(
        when=when,
        time_zone=time_zone,
        catch_up=report_service_pb2.REPORT_CATCH_UP_ALL if catch_up_all else report_service_pb2.REPORT_CATCH_UP_LATEST,
        destination_ids=destination or (),
        formats=[reports.format_number(one) for one in _formats(format_ or ())],
    )
    with to.connect() as server:
        wanted.report_id = _report_id(server, report)
        made = server.reports.create_schedule(wanted)
    _emit_schedules(output, [made])


@app.command()
@problems.reported
@options.grouped
def schedules(*, to: options.ServerOptions, output: options.OutputOptions) -> None:
    """List schedules, the next one first."""
    with to.connect() as server:
        found = server.reports.schedules()
    _emit_schedules(output, found)


@app.command()
@problems.reported
@options.grouped
def pause(*, schedule: ScheduleId, to: options.ServerOptions, output: options.OutputOptions) -> None:
    """Keep a schedule from running."""
    with to.connect() as server:
        found = server.reports.pause_schedule(schedule)
    _emit_schedules(output, [found])


@app.command()
@problems.reported
@options.grouped
def resume(*, schedule: ScheduleId, to: options.ServerOptions, output: options.OutputOptions) -> None:
    """Let a schedule go on."""
    with to.connect() as server:
        found = server.reports.resume_schedule(schedule)
    _emit_schedules(output, [found])


@app.command()
@problems.reported
@options.grouped
def unschedule(*, schedule: ScheduleId, to: options.ServerOptions) -> None:
    """Delete a schedule; its runs stay."""
    with to.connect() as server:
        server.reports.delete_schedule(schedule)
    typer.echo(f"deleted {formatting.plain(schedule)}")


def _emit_runs(output: options.OutputOptions, found: Sequence[ReportRun]) -> None:
    output.emit(
        document=lambda: [json_output.of(one) for one in found],
        sheet=lambda: report_tables.sheet_of_runs(found),
        terminal=lambda console: report_tables.show_runs(console, found),
    )


def _emit_schedules(output: options.OutputOptions, found: Sequence[ReportSchedule]) -> None:
    def terminal(console: Console) -> None:
        report_tables.show_schedules(console, found)

    output.emit(
        document=lambda: [json_output.of(one) for one in found],
        sheet=lambda: report_tables.sheet_of_schedules(found),
        terminal=terminal,
    )


def _report_id(server: client.Client, named: str) -> str:
    """Returns the id of the report that somebody has named by id or by title."""
    same = [one for one in server.reports.list() if one.title.casefold() == named.casefold()]
    if len(same) > 1:
        raise problems.WrongUsage(f"{len(same)} reports are called {named!r}: name one by its id")
    return same[0].report_id if same else named


def _of_template(server: client.Client, name: str) -> Report:
    known = {one.report_id: one for one in server.reports.templates()}
    if name not in known:
        raise problems.WrongUsage(f"there is no template {name!r}; there are {', '.join(known)}")
    return known[name]


def _of_file(path: Path | None) -> Report:
    if path is None:
        raise AssertionError("a file is named")
    try:
        return json_format.ParseDict(json.loads(path.read_text(encoding="utf-8")), Report())
    except (OSError, ValueError, json_format.ParseError) as error:
        raise problems.WrongUsage(f"{path}: {error}") from None


def _formats(names: Sequence[str]) -> list[FormatName]:
    unknown = [one for one in names if one not in _FORMATS]
    if unknown:
        raise problems.WrongUsage(f"{unknown[0]!r} is no format: {', '.join(_FORMATS)}")
    return [cast("FormatName", one) for one in names]


def _run_formats(names: Sequence[str] | None, file: Path | None) -> list[FormatName]:
    """Returns the formats of a run: those that are named, and that of the file that is wanted."""
    chosen = _formats(names or ())
    suffix = _SUFFIXES.get(file.suffix.casefold()) if file is not None else None
    return [*chosen, cast("FormatName", suffix)] if suffix is not None and suffix not in chosen else chosen


def _format_of(path: Path, run: ReportRun) -> FormatName:
    """Returns the format of a file by its suffix, or the first that a run has."""
    name = _SUFFIXES.get(path.suffix.casefold())
    if name is None and run.files:
        name = report_service_pb2.ReportFormat.Name(run.files[0].format).removeprefix("REPORT_FORMAT_").lower()
    return cast("FormatName", name or "pdf")
