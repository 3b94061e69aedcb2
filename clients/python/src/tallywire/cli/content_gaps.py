"""The commands `tallywire gaps …` and `tallywire gap`: topics that the knowledge does not answer, and what is done."""

import itertools
from collections.abc import Iterator, Sequence
from datetime import tzinfo
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from tallywire import content_gaps, directory_requests
from tallywire.cli import csv_output, formatting, json_output, lists, options, problems, tables
from tallywire.cli.csv_output import Cell, Sheet
from tallywire.cli.tables import Column
from tallywire.content_gaps import ContentGap, ContentGapPoint
from tallywire.v1 import content_gap_pb2

app = typer.Typer(
    help="List content gaps, and say what is done about them.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Topic = Annotated[str, typer.Argument(metavar="TOPIC", help="The topic, in any spelling.")]
_REPEATED: Final = ("questions", "merged_topics")
_FIELDS: Final = tuple(
    field.name for field in content_gap_pb2.ContentGap.DESCRIPTOR.fields if field.name not in _REPEATED
)


@app.command(name="list")
@problems.reported
@options.grouped
def list_gaps(
    *,
    prefix: Annotated[str | None, typer.Argument(help="What their topic begins with.")] = None,
    of: options.PeriodOptions,
    search: Annotated[str | None, typer.Option("--search", help="Those that have this in their topic.")] = None,
    status: Annotated[str | None, typer.Option(help=f"Those that are {', '.join(content_gaps.STATUSES)}.")] = None,
    order: Annotated[str | None, typer.Option(help=f"{', '.join(content_gaps.ORDERS)}. Default: priority.")] = None,
    ascending: Annotated[bool, typer.Option("--ascending", help="The smallest or oldest first.")] = False,
    limit: lists.Limit = lists.DEFAULT_LIMIT,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """List content gaps: how often, when, and the status.

    Without a period all are listed, else those found in it with the numbers of it. Needs a key with the scope events.
    """
    question = of.question() if of.is_given else None
    chosen: dict[str, Any] = {
        "status": lists.one_of(status, "--status", content_gaps.STATUSES),
        "order_by": lists.one_of(order, "--order", content_gaps.ORDERS),
        "descending": False if ascending else None,
        "prefix": prefix,
        "search": search,
    }
    with to.connect() as server:
        if question is not None:
            asked = options.asked(question, server)
            chosen |= {"start": asked.start, "end": asked.end, "time_zone": of.zone}
        listed = server.content_gaps.list(page_size=min(limit, directory_requests.PAGE_SIZE), **chosen)
        found = list(itertools.islice(listed, limit))
    where = lists.zone(of.zone)
    output.emit(
        document=lambda: {"content_gaps": list(map(json_output.of, found))},
        sheet=lambda: lists.sheet(_FIELDS, found, where),
        terminal=lambda console: _render(console, found, where),
    )


def _render(console: Console, found: Sequence[ContentGap], where: tzinfo) -> None:
    """Prints a row for each content gap."""
    columns = [
        Column(heading="Topic", is_text=True),
        *(Column(heading=heading) for heading in ("Found", "Users", "Resolved", "Priority")),
        Column(heading="Status", is_text=True),
        Column(heading="Last seen", is_text=True, least=16),
    ]
    rows = [
        [
            formatting.plain(one.name),
            formatting.count(one.period_frequency if one.HasField("period_frequency") else one.frequency),
            formatting.count(one.users),
            formatting.field(one, "resolution_rate", formatting.fraction),
            f"{one.priority:,.1f}",
            lists.shown(one, "status", where) + (" (again)" if one.HasField("reopened_at") else ""),
            lists.shown(one, "last_seen_at", where),
        ]
        for one in found
    ]
    tables.show(console, columns, rows)


@app.command()
@problems.reported
@options.grouped
def update(
    *,
    topic: Topic,
    status: Annotated[str | None, typer.Option(help=f"What it is now: {', '.join(content_gaps.STATUSES)}.")] = None,
    note: Annotated[str | None, typer.Option(help="What to note, in place of what was noted.")] = None,
    etag: Annotated[
        str | None, typer.Option(help="That of the content gap as you read it; refused if it was changed since.")
    ] = None,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """Set the status or the note of a content gap.

    Needs a key with the scope admin.
    """
    chosen: Any = lists.one_of(status, "--status", content_gaps.STATUSES)
    with to.connect() as server:
        _emit_one(server.content_gaps.update(topic, status=chosen, note=note, etag=etag), output)


@app.command()
@problems.reported
@options.grouped
def merge(
    *,
    topic: Topic,
    into: Annotated[str, typer.Argument(metavar="INTO", help="The topic that it is to count for.")],
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """Let a topic count for another one.

    Needs a key with the scope admin.
    """
    with to.connect() as server:
        _emit_one(server.content_gaps.merge(topic, into), output)


@app.command()
@problems.reported
@options.grouped
def undo(*, topic: Topic, to: options.ServerOptions, output: options.OutputOptions) -> None:
    """Let a merged topic count for itself again.

    Needs a key with the scope admin.
    """
    with to.connect() as server:
        _emit_one(server.content_gaps.undo_merge(topic), output)


def _emit_one(one: ContentGap, output: options.OutputOptions) -> None:
    where = lists.zone(None)
    output.emit(
        document=lambda: json_output.of(one),
        sheet=lambda: lists.sheet(_FIELDS, [one], where),
        terminal=lambda console: _show(console, one, where),
    )


@problems.reported
@options.grouped
def gap(*, topic: Topic, of: options.PeriodOptions, to: options.ServerOptions, output: options.OutputOptions) -> None:
    """Show a content gap, its questions and its trend by day.

    The trend is there with a period. Needs a key with the scope events.
    """
    question = of.question() if of.is_given else None
    with to.connect() as server:
        if question is None:
            found = server.content_gaps.get(topic)
        else:
            asked = options.asked(question, server)
            found = server.content_gaps.get(topic, asked.start, asked.end, time_zone=of.zone)
    where = lists.zone(of.zone)
    output.emit(
        document=lambda: json_output.of(found),
        sheet=lambda: (
            lists.sheet(_FIELDS, [found.content_gap], where)
            if question is None
            else Sheet(header=("topic", "start", "end", "frequency"), rows=_points(found, where))
        ),
        terminal=lambda console: _render_one(console, found, where),
    )


def _points(found: content_gap_pb2.GetContentGapResponse, where: tzinfo) -> Iterator[Sequence[Cell]]:
    """Yields a row for each point."""
    for one in found.trend:
        bounds = (csv_output.instant(at, where) for at in (one.start, one.end))
        yield found.content_gap.topic, *bounds, one.frequency


def _render_one(console: Console, found: content_gap_pb2.GetContentGapResponse, where: tzinfo) -> None:
    _show(console, found.content_gap, where)
    if found.trend:
        console.print()
        columns = [Column(heading="From", is_text=True), Column(heading="Found")]
        tables.show(console, columns, [_point(one, where) for one in found.trend])


def _point(one: ContentGapPoint, where: tzinfo) -> list[str]:
    return [formatting.instant(one.start, where), formatting.count(one.frequency)]


def _show(console: Console, one: ContentGap, where: tzinfo) -> None:
    """Prints a content gap and its questions."""
    columns = [Column(heading="Content gap", is_text=True), Column(heading="", is_text=True)]
    rows = list(lists.lines(one, _FIELDS, where))
    if one.merged_topics:
        rows.append(["merged_topics", formatting.plain(", ".join(one.merged_topics))])
    tables.show(console, columns, rows)
    if one.questions:
        console.print()
        headings = [Column(heading=heading, is_text=True) for heading in ("Asked", "Question")]
        asked = [[formatting.instant(each.asked_at, where), formatting.plain(each.question)] for each in one.questions]
        tables.show(console, headings, asked)
