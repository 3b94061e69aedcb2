"""The command that shows the return of AI agents."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Final

import typer
from rich.console import Console

from tallywire import requests
from tallywire.cli import (
    breakdowns,
    figure_tables,
    formatting,
    json_output,
    layout,
    options,
    points,
    problems,
    tables,
)
from tallywire.cli.csv_output import Cell, Sheet
from tallywire.cli.figure_tables import Figure
from tallywire.v1 import metrics_service_pb2

_MICROS: Final = 1_000_000
_ASSUMPTIONS: Final = (
    ("hourly_cost_micros", "Human work, per hour", formatting.money),
    ("handling_time_ms", "Human work, per conversation", formatting.milliseconds),
    ("conversation_cost_micros", "AI, per conversation", formatting.money),
)
_ESTIMATES: Final = (
    ("human_cost_avoided_micros", "Human cost avoided", formatting.money),
    ("ai_cost_micros", "Cost of AI", formatting.money),
    ("savings_micros", "Savings", formatting.money),
    ("roi", "Return", formatting.fraction),
    ("break_even_conversations", "Break-even, resolved", formatting.count),
)
# Of the base reading of a point.
_SERIES: Final = (
    Figure(label="Closed", value=lambda point: point.roi.conversations_closed, form=formatting.short),
    Figure(label="Resolved", value=lambda point: point.roi.conversations_resolved, form=formatting.short),
    Figure(label="Avoided", value=lambda point: point.roi.base.human_cost_avoided_micros, form=formatting.money),
    Figure(label="AI", value=lambda point: point.roi.base.ai_cost_micros, form=formatting.money),
    Figure(label="Savings", value=lambda point: point.roi.base.savings_micros, form=formatting.money),
)
_READINGS: Final = ("low", "base", "high")


@problems.reported
@options.grouped
def roi(
    *,
    of: options.PeriodOptions,
    hourly_cost: Annotated[float | None, typer.Option(min=0, help="Cost of an hour of human work.")] = None,
    minutes: Annotated[float | None, typer.Option(min=0, help="Minutes of human work on one conversation.")] = None,
    conversation_cost: Annotated[
        float | None, typer.Option(min=0, help="Cost of AI for a conversation where none is recorded.")
    ] = None,
    granularity: options.SeriesGranularity = None,
    compare: options.Compare = None,
    only: options.FilterOptions,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """Show what AI agents cost and what work they spared.

    Costs are in units of the organization's currency. What is not given is the organization's own assumption.
    """
    question, narrowed = of.question(), only.arguments()
    width, compared = options.granularity(granularity), options.compare(compare)
    assumptions: requests.RoiAssumptions = {
        "hourly_cost_micros": None if hourly_cost is None else round(hourly_cost * _MICROS),
        "handling_time_ms": None if minutes is None else round(minutes * 60_000),
        "conversation_cost_micros": None if conversation_cost is None else round(conversation_cost * _MICROS),
    }
    with to.connect() as server:
        asked = options.asked(question, server)
        response = server.roi(
            asked.start,
            asked.end,
            granularity=width,
            assumptions=assumptions,
            time_zone=asked.time_zone,
            compare=compared,
            **narrowed,
        )
    output.emit(
        document=lambda: json_output.with_states(response, "points", response.granularity),
        sheet=lambda: sheet(response),
        terminal=lambda console: render(console, response),
    )


def sheet(response: metrics_service_pb2.GetRoiResponse) -> Sheet:
    """Returns a row for each reading of the period, and of each point of the series."""
    header = ("start", "end", "state", "reading", "conversations_closed", "conversations_resolved", "cost_source")
    return Sheet(header=(*header, *(name for name, _, _ in _ESTIMATES)), rows=_rows(response))


def render(console: Console, response: metrics_service_pb2.GetRoiResponse) -> None:
    """Prints the three readings, what they assume, and the base reading of each point of the series."""
    context = response.context
    notes = layout.comparison(response.compared, formatting.zone(context.time_zone))
    console.print(layout.heading(f"Return of AI agents ({formatting.plain(context.currency)})", context, notes))
    if not response.HasField("roi"):
        console.print("Conversations are not kept by this filter: narrow by agent, channel, team or topic.")
        return
    found = response.roi
    rows = [
        [label, *(formatting.field(getattr(found, reading), name, form) for reading in _READINGS)]
        if name in ("roi", "break_even_conversations")
        else [label, *(form(getattr(getattr(found, reading), name)) for reading in _READINGS)]
        for name, label, form in _ESTIMATES
    ]
    tables.show(console, _columns("Figure", "Low", "Base", "High"), rows)
    source = "recorded" if found.cost_source == metrics_service_pb2.ROI_COST_SOURCE_RECORDED else "assumed"
    closed, resolved = (formatting.count(one) for one in (found.conversations_closed, found.conversations_resolved))
    console.print(f"\n{closed} conversations closed, {resolved} resolved by the agent; the cost of AI is {source}.")
    if response.HasField("earlier"):
        console.print(f"Savings of the earlier period: {formatting.money(response.earlier.base.savings_micros)}.")
    console.print()
    used = response.assumptions
    tables.show(
        console,
        [*_columns("Assumption", "Value"), tables.Column(heading="From", is_text=True)],
        [
            [label, form(getattr(used, name).value), _source(getattr(used, name).source)]
            for name, label, form in _ASSUMPTIONS
        ],
    )
    if response.points:
        figure_tables.show_series(console, context, response.granularity, response.points, _SERIES)


def _columns(first: str, *others: str) -> list[tables.Column]:
    return [tables.Column(heading=first, is_text=True), *(tables.Column(heading=one) for one in others)]


def _source(number: int) -> str:
    names = metrics_service_pb2.RoiAssumptionSource.DESCRIPTOR.values_by_number
    prefix = "ROI_ASSUMPTION_SOURCE_"
    return names[number].name.removeprefix(prefix).lower() if number in names else str(number)


def _rows(response: metrics_service_pb2.GetRoiResponse) -> Iterator[Sequence[Cell]]:
    zone = response.context.time_zone
    periods = [(breakdowns.bounds(response.context, zone), response.roi)] if response.HasField("roi") else []
    states = points.states([one.bucket for one in response.points], response.granularity, response.context)
    for point, state in zip(response.points, states, strict=True):
        if point.HasField("roi"):
            periods.append((breakdowns.bounds(point.bucket, zone, state), point.roi))
    for bounds, found in periods:
        recorded = found.cost_source == metrics_service_pb2.ROI_COST_SOURCE_RECORDED
        for reading in _READINGS:
            estimate: metrics_service_pb2.RoiEstimate = getattr(found, reading)
            yield (
                *bounds,
                reading,
                found.conversations_closed,
                found.conversations_resolved,
                "recorded" if recorded else "assumed",
                estimate.human_cost_avoided_micros,
                estimate.ai_cost_micros,
                estimate.savings_micros,
                estimate.roi if estimate.HasField("roi") else None,
                estimate.break_even_conversations if estimate.HasField("break_even_conversations") else None,
            )
