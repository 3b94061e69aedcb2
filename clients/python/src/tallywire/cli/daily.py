"""The command that shows a row for each day."""

from collections.abc import Iterator, Sequence
from datetime import tzinfo
from typing import Final

from rich.console import Console

from tallywire.cli import (
    breakdowns,
    csv_output,
    formatting,
    json_output,
    layout,
    options,
    points,
    problems,
    tables,
)
from tallywire.cli.csv_output import Cell, Sheet
from tallywire.v1 import metrics_service_pb2, time_pb2

_FIGURES: Final = tuple(
    field.name for field in metrics_service_pb2.DailyStats.DESCRIPTOR.fields if field.message_type is None
)
# (field, heading, how it is written)
_COLUMNS: Final = (
    ("users_total", "Users", formatting.short),
    ("unique_users", "Active", formatting.short),
    ("new_users", "New", formatting.short),
    ("total_conversations", "Conv.", formatting.short),
    ("total_messages", "Msgs", formatting.short),
    ("calls_handled", "Calls", formatting.short),
    ("failed_messages", "Errors", formatting.short),
    ("avg_response_time_ms", "Resp.", formatting.milliseconds),
    ("cost_micros", "Cost", formatting.money),
)


@problems.reported
@options.grouped
def daily(*, of: options.PeriodOptions, to: options.ServerOptions, output: options.OutputOptions) -> None:
    """Show a row of key figures for each day."""
    question = of.question()
    with to.connect() as server:
        asked = options.asked(question, server)
        response = server.daily_stats(asked.start, asked.end, time_zone=asked.time_zone)
    output.emit(
        document=lambda: json_output.of(response),
        sheet=lambda: sheet(response),
        terminal=lambda console: render(console, response),
    )


def sheet(response: metrics_service_pb2.GetDailyStatsResponse) -> Sheet:
    """Returns a row for each day."""
    return Sheet(header=("start", "end", "state", *_FIGURES), rows=_rows(response))


def render(console: Console, response: metrics_service_pb2.GetDailyStatsResponse) -> None:
    """Prints the days and all of them together; a day that is not over has an ellipsis behind its date."""
    where, currency = formatting.zone(response.context.time_zone), response.context.currency
    console.print(layout.heading("Days", response.context))
    tables.show(
        console,
        [
            tables.Column(heading="Day", is_text=True),
            *(tables.Column(heading=heading) for heading in _headings(currency)),
        ],
        [[_name(day, where), *_cells(day)] for day in response.days],
        apart=[["All", *_cells(response.total)]],
    )


def _name(day: metrics_service_pb2.DailyStats, where: tzinfo) -> str:
    return formatting.instant(day.bucket.start, where, "%Y-%m-%d") + ("…" if day.running else "")


def _headings(currency: str) -> Iterator[str]:
    """Yields the headings of figures, that of money with its currency."""
    for _, heading, form in _COLUMNS:
        yield f"{heading} {formatting.plain(currency)}".strip() if form is formatting.money else heading


def _cells(day: metrics_service_pb2.DailyStats) -> list[str]:
    """Returns the cells of a day; dashes alone where nothing can have been counted."""
    if day.before_first_event:
        return [formatting.ABSENT] * len(_COLUMNS)
    return [formatting.field(day, name, form) for name, _, form in _COLUMNS]


def _rows(response: metrics_service_pb2.GetDailyStatsResponse) -> Iterator[Sequence[Cell]]:
    zone = response.context.time_zone
    states = points.states([one.bucket for one in response.days], time_pb2.GRANULARITY_DAY, response.context)
    for day, state in zip(response.days, states, strict=True):
        yield *breakdowns.bounds(day.bucket, zone, state), *(csv_output.field(day, name) for name in _FIGURES)
