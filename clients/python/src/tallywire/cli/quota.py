"""The command that shows the monthly quota of events."""

from datetime import UTC

from rich.console import Console
from rich.text import Text

from tallywire.cli import formatting, json_output, layout, options, problems
from tallywire.v1 import metrics_service_pb2


@problems.reported
@options.grouped
def quota(*, to: options.ServerOptions, as_json: options.AsJson = False) -> None:
    """Show what is used of the monthly quota of events, and how far it will reach."""
    with to.connect() as server:
        found = server.quota()
    if as_json:
        json_output.emit(json_output.of(found))
    else:
        render(Console(), found)


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
