"""The command that shows the monthly quota of events."""

from datetime import UTC
from typing import Final

from rich.console import Console
from rich.text import Text

from tallywire.cli import csv_output, formatting, json_output, layout, options, problems
from tallywire.cli.csv_output import Sheet
from tallywire.v1 import metrics_service_pb2

_FIGURES: Final = tuple(
    field.name for field in metrics_service_pb2.MonthlyQuota.DESCRIPTOR.fields if field.message_type is None
)


@problems.reported
@options.grouped
def quota(*, to: options.ServerOptions, output: options.OutputOptions) -> None:
    """Show how much of the monthly quota is used.

    Also at what pace, and how far it will reach.
    """
    with to.connect() as server:
        found = server.quota()
    output.emit(
        document=lambda: json_output.of(found),
        sheet=lambda: sheet(found),
        terminal=lambda console: render(console, found),
    )


def sheet(found: metrics_service_pb2.MonthlyQuota) -> Sheet:
    """Returns the quota as the only row."""
    rows = [[*(csv_output.field(found, name) for name in _FIGURES), csv_output.instant(found.resets_at, UTC)]]
    return Sheet(header=(*_FIGURES, "resets_at"), rows=rows)


def render(console: Console, found: metrics_service_pb2.MonthlyQuota) -> None:
    """Prints the quota."""
    console.print(Text("\nMonthly quota of events\n", style="bold"))
    table = layout.table(("Figure", "left"), ("Value", "right"))
    table.add_row("Limit", formatting.count(found.limit) if found.HasField("limit") else "unlimited")
    table.add_row("Used", formatting.count(found.used))
    table.add_row("Remaining", formatting.field(found, "remaining"))
    table.add_row("Share used", formatting.field(found, "share", formatting.fraction))
    table.add_section()
    table.add_row("Events a day, last 7 days", formatting.field(found, "events_per_day"))
    table.add_row("Used at the month's end, estimated", formatting.field(found, "projected_used"))
    table.add_row("Runs out on (UTC)", found.runs_out_on or formatting.ABSENT)
    table.add_row("Begins anew at (UTC)", formatting.instant(found.resets_at, UTC))
    console.print(table)
