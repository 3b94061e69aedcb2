"""The command that shows a row for each day."""

from datetime import tzinfo

from rich.console import Console

from tallywire.cli import formatting, json_output, layout, options, problems
from tallywire.v1 import metrics_service_pb2

_COLUMNS = ("Users", "Active", "New", "Conv.", "Msgs", "Calls", "Errors", "Resp.", "Cost")


@problems.reported
@options.grouped
def daily(*, of: options.PeriodOptions, to: options.ServerOptions, as_json: options.AsJson = False) -> None:
    """Show a row for each day: users, conversations, messages, calls, errors, cost."""
    question = of.question()
    with to.connect() as server:
        asked = options.asked(question, server)
        response = server.daily_stats(asked.start, asked.end, time_zone=asked.time_zone)
    if as_json:
        json_output.emit(json_output.of(response))
    else:
        render(Console(), response)


def render(console: Console, response: metrics_service_pb2.GetDailyStatsResponse) -> None:
    """Prints the days and all of them together; a day that is not over has an ellipsis behind its date."""
    where = formatting.zone(response.context.time_zone)
    console.print(layout.heading("Days", response.context))
    table = layout.table(("Day", "left"), *((label, "right") for label in _COLUMNS))
    for day in response.days:
        table.add_row(_name(day, where), *_cells(day))
    table.add_section()
    table.add_row("All", *_cells(response.total))
    console.print(table)


def _name(day: metrics_service_pb2.DailyStats, where: tzinfo) -> str:
    return formatting.instant(day.bucket.start, where, "%Y-%m-%d") + ("…" if day.running else "")


def _cells(day: metrics_service_pb2.DailyStats) -> list[str]:
    """Returns the cells of a day; dashes alone where nothing can have been counted."""
    if day.before_first_event:
        return [formatting.ABSENT] * len(_COLUMNS)
    counts = (
        "users_total",
        "unique_users",
        "new_users",
        "total_conversations",
        "total_messages",
        "calls_handled",
        "failed_messages",
    )
    return [
        *(formatting.field(day, name, formatting.short) for name in counts),
        formatting.field(day, "avg_response_time_ms", formatting.milliseconds),
        formatting.field(day, "cost_micros", formatting.money),
    ]
