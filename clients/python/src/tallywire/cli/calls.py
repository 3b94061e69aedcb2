"""The command that shows how telephone calls went."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Final

import typer
from rich.console import Console

from tallywire.cli import (
    breakdowns,
    csv_output,
    figure_tables,
    formatting,
    hours_of_week,
    json_output,
    layout,
    options,
    points,
    problems,
    tables,
)
from tallywire.cli.csv_output import Cell, Sheet
from tallywire.cli.figure_tables import Figure, figure
from tallywire.cli.tables import Column
from tallywire.v1 import call_metrics_pb2 as messages

_FIGURES: Final = tuple(field.name for field in messages.CallFigures.DESCRIPTOR.fields if field.message_type is None)
_HEADINGS: Final = {"by_queue": "Queue", "by_team": "Team", "by_agent": "Agent"}
_INBOUND: Final = (
    figure("calls_offered", "Offered"),
    figure("calls_answered", "· answered"),
    figure("calls_abandoned", "· abandoned"),
    figure("call_abandonment_rate", "Abandonment rate", formatting.fraction),
)
_TIMES: Final = (
    figure("avg_wait_ms", "Waiting time, mean", formatting.milliseconds),
    figure("avg_abandoned_wait_ms", "Waiting time before hanging up, mean", formatting.milliseconds),
    figure("calls_handled", "Calls handled"),
    figure("avg_handle_time_ms", "Handle time, mean", formatting.milliseconds),
)
_OUTBOUND: Final = (
    figure("outbound_calls", "Outbound"),
    figure("outbound_calls_answered", "· answered"),
    figure("outbound_calls_abandoned", "· given up"),
    figure("outbound_calls_ended", "· ended"),
    figure("avg_outbound_talk_time_ms", "Outbound talk time, mean", formatting.milliseconds),
)
# What a time is called, and what stands before and behind the statistic in the names of its fields.
_DISTRIBUTIONS: Final = (
    ("Wait", "wait_ms"),
    ("Talk", "talk_time_ms"),
    ("Hold", "hold_time_ms"),
    ("Wrap-up", "wrap_up_time_ms"),
    ("Handle", "handle_time_ms"),
)
_NOT_OF_POINTS: Final = ("Answered", "Handled")  # for which the lines of points have no room
_STATISTICS: Final = (
    ("avg", "Mean"),
    ("p50", "Median"),
    ("p90", "p90"),
    ("p95", "p95"),
    ("p99", "p99"),
    ("longest", "Longest"),
)


@problems.reported
@options.grouped
def calls(
    *,
    of: options.PeriodOptions,
    service_level: Annotated[
        list[int] | None,
        typer.Option(
            min=1,
            max=86_400,
            metavar="SECONDS",
            help="The share of calls that were answered within so many seconds; up to five times. Default: 20.",
        ),
    ] = None,
    granularity: options.Granularity = None,
    compare: options.Compare = None,
    top: options.Top = None,
    only: options.FilterOptions,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """Show how calls went: service levels and times.

    Figures are those of the period, by queue, team and agent, by hour of the week, and of each point of a series.
    As CSV it is a row for the period, each point, each row of a breakdown and each hour of the week.
    """
    question, narrowed = of.question(), only.arguments()
    width, compared = options.granularity(granularity), options.compare(compare)
    with to.connect() as server:
        asked = options.asked(question, server)
        response = server.call_metrics(
            asked.start,
            asked.end,
            service_levels=service_level or (),
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


def sheet(response: messages.GetCallMetricsResponse) -> Sheet:
    """Returns rows of several kinds with the same figures."""
    levels = (f"answered_within_{seconds}_s{part}" for seconds in _levels(response) for part in ("", "_share"))
    return Sheet(header=("kind", "value", "start", "end", "state", *_FIGURES, *levels), rows=_rows(response))


def render(console: Console, response: messages.GetCallMetricsResponse, missing: str = "") -> None:
    """Prints the figures of the period, times, breakdowns, hours and points; last what is said of missing pairs."""
    context, figures = response.context, response.figures
    notes = layout.comparison(response.compared, formatting.zone(context.time_zone))
    console.print(layout.heading("Calls", context, notes))
    earlier = response.earlier if response.HasField("earlier") else None
    levels = [_level(place, f"Answered within {seconds} s") for place, seconds in enumerate(_levels(response))]
    outbound = _OUTBOUND if figures.outbound_calls or figures.outbound_calls_ended else ()
    figure_tables.show_period(console, "Figure", (*_INBOUND, *levels, *_TIMES, *outbound), figures, earlier)
    if figures.calls_answered or figures.calls_handled:
        console.print()
        _show_times(console, figures)
    columns = _breakdown_figures(response)
    for name, found in breakdowns.by_name(response, _HEADINGS).items():
        breakdowns.show(console, _HEADINGS[name], found, columns)
    hours = response.hours_of_week
    offered = {(one.weekday, one.hour): one.calls_offered for one in hours}
    abandoned = {(one.weekday, one.hour): one.calls_abandoned for one in hours}
    hours_of_week.show(console, [("Offered", offered), ("Abandoned", abandoned)], context.week_start)
    series = [one for one in columns if one.label not in _NOT_OF_POINTS]
    figure_tables.show_series(console, context, response.granularity, response.series, series)
    breakdowns.note(console, missing)


def _levels(response: messages.GetCallMetricsResponse) -> list[int]:
    """Returns the thresholds of the service levels, in seconds; all figures of an answer have the same ones."""
    return [one.seconds for one in response.figures.service_levels]


def _level(place: int, label: str) -> Figure:
    def value(figures: messages.CallFigures) -> float | None:
        one = figures.service_levels[place] if place < len(figures.service_levels) else None
        return one.share if one is not None and one.HasField("share") else None

    return Figure(label=label, value=value, form=formatting.fraction)


def _breakdown_figures(response: messages.GetCallMetricsResponse) -> list[Figure]:
    """Returns the figures of the rows of a breakdown: with the first service level."""
    return [
        figure("calls_offered", "Offered", formatting.short),
        figure("calls_answered", "Answered", formatting.short),
        figure("calls_abandoned", "Abandoned", formatting.short),
        *(_level(0, f"In {seconds}s") for seconds in _levels(response)[:1]),
        figure("avg_wait_ms", "Wait", formatting.milliseconds),
        figure("calls_handled", "Handled", formatting.short),
        figure("avg_handle_time_ms", "Handle", formatting.milliseconds),
    ]


def _show_times(console: Console, figures: messages.CallFigures) -> None:
    """Prints mean and percentiles of times; a statistic that does not exist of a time is an empty cell."""
    rows = [
        [
            label,
            *(
                formatting.field(figures, f"{statistic}_{name}", formatting.milliseconds)
                if f"{statistic}_{name}" in _FIGURES
                else ""
                for statistic, _ in _STATISTICS
            ),
        ]
        for label, name in _DISTRIBUTIONS
    ]
    columns = [Column(heading="Times", is_text=True), *(Column(heading=heading) for _, heading in _STATISTICS)]
    tables.show(console, columns, rows)


def _rows(response: messages.GetCallMetricsResponse) -> Iterator[Sequence[Cell]]:
    zone = response.context.time_zone
    period = breakdowns.bounds(response.context, zone)
    levels = len(_levels(response))

    def cells(figures: messages.CallFigures) -> list[Cell]:
        shares = [(one.calls, one.share if one.HasField("share") else None) for one in figures.service_levels]
        shares += [(0, None)] * (levels - len(shares))
        return [*(csv_output.field(figures, name) for name in _FIGURES), *(cell for pair in shares for cell in pair)]

    yield "period", None, *period, *cells(response.figures)
    if response.HasField("earlier"):
        yield "earlier", None, *breakdowns.bounds(response.compared, zone), *cells(response.earlier)
    states = points.states(response.series, response.granularity, response.context)
    for point, state in zip(response.series, states, strict=True):
        yield "point", None, *breakdowns.bounds(point, zone, state), *cells(point.figures)
    for name, found in breakdowns.by_name(response, _HEADINGS).items():
        yield from breakdowns.sheet_rows(name, found, period, cells)
    for hour in response.hours_of_week:
        known = {name: csv_output.field(hour, name) for name in _FIGURES if name in hour.DESCRIPTOR.fields_by_name}
        blank = [None] * (2 * levels)
        yield "hour_of_week", f"{hour.weekday} {hour.hour:02}:00", *period, *map(known.get, _FIGURES), *blank
