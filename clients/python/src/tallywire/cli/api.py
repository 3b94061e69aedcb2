"""The command that shows how APIs and tools are used."""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Console

from tallywire.cli import (
    breakdowns,
    csv_output,
    figure_tables,
    formatting,
    json_output,
    layout,
    options,
    points,
    problems,
)
from tallywire.cli.csv_output import Cell, Sheet
from tallywire.cli.figure_tables import figure
from tallywire.v1 import api_usage_pb2 as messages

_FIGURES: Final = tuple(field.name for field in messages.ApiFigures.DESCRIPTOR.fields)
_PERIOD: Final = (
    figure("api_calls", "Calls"),
    figure("api_errors", "· errors (status 500 and above)"),
    figure("api_client_errors", "· client errors (status 400 to 499)"),
    figure("api_error_rate", "Error rate", formatting.fraction),
    figure("api_client_error_rate", "Client error rate", formatting.fraction),
    figure("avg_api_latency_ms", "Latency, mean", formatting.milliseconds),
    figure("p50_api_latency_ms", "Latency, median", formatting.milliseconds),
    figure("p90_api_latency_ms", "Latency, p90", formatting.milliseconds),
    figure("p95_api_latency_ms", "Latency, p95", formatting.milliseconds),
    figure("p99_api_latency_ms", "Latency, p99", formatting.milliseconds),
    figure("api_request_bytes", "Sent", formatting.size),
    figure("api_response_bytes", "Received", formatting.size),
    figure("unique_users", "Unique users"),
)
_BREAKDOWN: Final = (
    figure("api_calls", "Calls", formatting.short),
    figure("api_errors", "Errors", formatting.short),
    figure("api_error_rate", "Error rate", formatting.fraction),
    figure("api_client_errors", "Client errors", formatting.short),
    figure("avg_api_latency_ms", "Mean", formatting.milliseconds),
    figure("p95_api_latency_ms", "p95", formatting.milliseconds),
)
_HEADINGS: Final = {
    "by_endpoint": "Endpoint",
    "slowest_endpoints": "Slowest endpoints (p95)",
    "failing_endpoints": "Endpoints with most errors",
    "by_method": "Method",
    "by_status_class": "Status",
}


@problems.reported
@options.grouped
def api(
    *,
    of: options.PeriodOptions,
    granularity: options.Granularity = None,
    compare: options.Compare = None,
    top: options.Top = None,
    only: options.FilterOptions,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """Show calls of APIs and tools: errors, latency, bytes.

    Figures are those of the period, by endpoint, method and class of status codes, and of each point of a series.

    As CSV it is a row for the period, each point of the series and each row of a breakdown.
    """
    question, narrowed = of.question(), only.arguments()
    width, compared = options.granularity(granularity), options.compare(compare)
    with to.connect() as server:
        asked = options.asked(question, server)
        response = server.api_usage(
            asked.start,
            asked.end,
            granularity=width,
            top=top,
            time_zone=asked.time_zone,
            compare=compared,
            **narrowed,
        )
        missing = breakdowns.declaration(server, breakdowns.by_name(response, _HEADINGS).values())
    output.emit(
        document=lambda: json_output.with_states(response, "series", response.granularity),
        sheet=lambda: sheet(response),
        terminal=lambda console: render(console, response, missing),
    )


def sheet(response: messages.GetApiUsageResponse) -> Sheet:
    """Returns rows of several kinds with the same figures."""
    return Sheet(header=("kind", "value", "start", "end", "state", *_FIGURES), rows=_rows(response))


def render(console: Console, response: messages.GetApiUsageResponse, missing: str = "") -> None:
    """Prints the figures of the period, of each breakdown and of the points; last what is said of missing pairs."""
    context = response.context
    notes = layout.comparison(response.compared, formatting.zone(context.time_zone))
    console.print(layout.heading("APIs and tools", context, notes))
    earlier = response.earlier if response.HasField("earlier") else None
    figure_tables.show_period(console, "Figure", _PERIOD, response.figures, earlier)
    for name, found in breakdowns.by_name(response, _HEADINGS).items():
        breakdowns.show(console, _HEADINGS[name], found, _BREAKDOWN)
    figure_tables.show_series(console, context, response.granularity, response.series, _BREAKDOWN)
    breakdowns.note(console, missing)


def _rows(response: messages.GetApiUsageResponse) -> Iterator[Sequence[Cell]]:
    zone = response.context.time_zone
    period = breakdowns.bounds(response.context, zone)
    yield "period", None, *period, *_cells(response.figures)
    if response.HasField("earlier"):
        yield "earlier", None, *breakdowns.bounds(response.compared, zone), *_cells(response.earlier)
    states = points.states(response.series, response.granularity, response.context)
    for point, state in zip(response.series, states, strict=True):
        yield "point", None, *breakdowns.bounds(point, zone, state), *_cells(point.figures)
    for name, found in breakdowns.by_name(response, _HEADINGS).items():
        yield from breakdowns.sheet_rows(name, found, period, _cells)


def _cells(figures: messages.ApiFigures) -> list[Cell]:
    return [csv_output.field(figures, name) for name in _FIGURES]
