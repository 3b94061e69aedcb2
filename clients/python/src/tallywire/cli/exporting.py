"""The command `tallywire export`: files of answers and lists."""

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, get_args

import typer
from google.protobuf.message import Message
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from tallywire import client, export_parts
from tallywire.cli import export_requests, formatting, options, problems, table_options
from tallywire.export_parts import ExportedFile, FormatName, Header

_STDOUT: Final = "-"
_NAMES: Final[tuple[FormatName, ...]] = get_args(FormatName)
_NOT_COMPLETE: Final = 3  # the exit code where rows are missing that are no longer kept


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionOptions:
    """The options that say what is asked, beside period and filters."""

    metric: table_options.Metrics = None
    by: table_options.By = None
    granularity: options.FineGranularity = None
    compare: options.Compare = None
    event_type: Annotated[list[str] | None, typer.Option("--type", help="Only this type; may be repeated.")] = None
    user: Annotated[str | None, typer.Option("--user", help="Only this user.")] = None
    conversation: Annotated[str | None, typer.Option("--conversation", help="Only this conversation.")] = None
    campaign: Annotated[str | None, typer.Option("--campaign", help="Only this campaign.")] = None
    more: Annotated[
        str, typer.Option("--request", metavar="JSON", help='Further fields of the request: {"top": 50}.')
    ] = ""

    def chosen(self, only: options.FilterOptions) -> export_requests.ExportChoice:
        """Returns what they say, and what filters say. Raises WrongUsage."""
        texts = (("user_id", self.user), ("conversation_id", self.conversation), ("campaign_id", self.campaign))
        return export_requests.ExportChoice(
            only=only.arguments(),
            metrics=table_options.names(self.metric),
            group_by=table_options.names(self.by),
            granularity=options.granularity(self.granularity, may_be_fine=True),
            compare=options.compare(self.compare),
            fields={name: value for name, value in texts if value},
            event_types=self.event_type or [],
            more=self.more,
        )


@problems.reported
@options.grouped
def export(
    *,
    kind: Annotated[str, typer.Argument(metavar="WHAT", help=f"One of {', '.join(export_requests.KINDS)}.")],
    file: Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="Where to; - is stdout.")],
    form: Annotated[
        str | None, typer.Option("--format", help=f"{', '.join(_NAMES)}. Default: by the suffix of FILE.")
    ] = None,
    table: Annotated[str, typer.Option("--table", help="Only this table of the answer: by_model.")] = "",
    asking: QuestionOptions,
    of: options.PeriodOptions,
    only: options.FilterOptions,
    to: options.ServerOptions,
) -> None:
    """Write a file of figures or rows: CSV, JSON, XLSX, Parquet.

    The file holds all of the answer, of one revision. It takes its name once it is whole and checked against the
    server's SHA-256; until then, and after a failure, a file of that name stays as it was. An export of events goes on
    by itself where the connection was lost. The exit code is 3 where rows behind a figure are no longer kept.
    """
    chosen, format_, question = asking.chosen(only), _format(form, file), of.question()
    has_period = export_requests.takes_period(kind)
    if not has_period and of.is_given:
        raise problems.WrongUsage(f"{kind} is about no period: leave --last, --from and --to out")
    with to.connect() as server:
        # A list of all users or gaps, whenever they were, is asked for without a period.
        asks = has_period and (of.is_given or kind not in ("users", "gaps"))
        request = export_requests.request(kind, options.asked(question, server) if asks else None, chosen)
        try:
            export_parts.request(request, format_, table)
        except ValueError as error:
            raise problems.WrongUsage(str(error)) from None
        if file == _STDOUT:
            for data in server.exports.stream(request, format=format_, table=table):
                sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
            return
        done = _to_file(server, request, Path(file), format_, table)
    _tell(done, kind)


def _format(form: str | None, file: str) -> FormatName:
    """Returns the format that is named, or that the file's suffix tells. Raises WrongUsage."""
    if form is None:
        try:
            return export_parts.by_suffix(Path(file))
        except ValueError as error:
            raise problems.WrongUsage(f"-o: {error} (--format)") from None
    for one in _NAMES:
        if one == form:
            return one
    raise problems.WrongUsage(f"--format is one of {', '.join(_NAMES)}, not {form!r}")


def _to_file(server: client.Client, request: Message, path: Path, format_: FormatName, table: str) -> ExportedFile:
    """Writes a file, and shows how far that is on a terminal. Raises WrongUsage for one that cannot be written."""
    try:
        with _progress() as progress:
            return server.exports.to_file(request, path, format=format_, table=table, progress=progress)
    except OSError as error:
        raise problems.WrongUsage(f"{error.strerror}: {path}") from None


@contextlib.contextmanager
def _progress() -> Iterator[export_parts.Progress | None]:
    """Gives what shows progress on stderr; nothing where that is no terminal."""
    console = Console(stderr=True, markup=False)
    if not console.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("asking", total=None)

        def show(header: Header, rows: int, size: int) -> None:
            estimates = [one.estimated_rows for one in header.tables if one.HasField("estimated_rows")]
            total = max(sum(estimates), rows) if estimates else None
            text = f"{formatting.count(rows)} rows, {size / 1e6:,.1f} MB"
            bar.update(task, description=text, completed=rows, total=total)

        yield show


def _tell(done: ExportedFile, kind: str) -> None:
    """Prints what was written, and what was not."""
    header, trailer = done.header, done.trailer
    rows, size = formatting.count(trailer.rows), formatting.count(trailer.bytes)
    revision = f", revision {header.context.as_of_revision}" if header.context.as_of_revision else ""
    typer.echo(f"{done.path}: {rows} rows, {size} bytes{revision}, checked")
    for table in header.tables:
        for note in table.notes:
            typer.echo(f"{table.name}: {note}", err=True)
    if header.other_tables:
        others = ", ".join(header.other_tables)
        typer.echo(f"not in it: {others} (--table NAME; .xlsx and .json hold all of them)", err=True)
    if trailer.cut_cells:
        typer.echo(
            f"{formatting.count(trailer.cut_cells)} texts were longer than a cell, and are cut and marked", err=True
        )
    if not trailer.complete:
        typer.echo(f"{kind} is not complete: {trailer.incomplete_reason}", err=True)
        raise typer.Exit(_NOT_COMPLETE)
