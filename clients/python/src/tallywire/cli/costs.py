"""The command that shows costs."""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Console

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
from tallywire.cli.figure_tables import figure
from tallywire.v1 import metrics_service_pb2

_FIGURES: Final = ("cost_micros", "prompt_tokens", "cached_tokens", "completion_tokens", "token_usage")
_TOTAL: Final = (
    ("cost_micros", "Recorded cost", formatting.money),
    ("cost_per_conversation_micros", "· per conversation", formatting.money),
    ("cost_per_resolved_conversation_micros", "· per resolved conversation", formatting.money),
    ("cost_per_user_micros", "· per user", formatting.money),
    ("token_usage", "Tokens", formatting.count),
    ("prompt_tokens", "· read", formatting.count),
    ("cached_tokens", "· read from a cache", formatting.count),
    ("completion_tokens", "· written", formatting.count),
)
_SERIES: Final = (
    figure("cost_micros", "Cost", formatting.money),
    figure("token_usage", "Tokens"),
)
_RESOURCES: Final = {
    metrics_service_pb2.COST_RESOURCE_STORAGE: "Storage",
    metrics_service_pb2.COST_RESOURCE_BANDWIDTH: "Bandwidth",
}


@problems.reported
@options.grouped
def costs(
    *,
    of: options.PeriodOptions,
    top: options.Top = None,
    granularity: options.SeriesGranularity = None,
    compare: options.Compare = None,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """Show recorded cost and tokens, and estimates.

    They are by model, agent, channel, team and user. Estimates stand apart: they are not in the recorded cost.
    """
    question, width, compared = of.question(), options.granularity(granularity), options.compare(compare)
    with to.connect() as server:
        asked = options.asked(question, server)
        response = server.costs(
            asked.start, asked.end, rows=top, granularity=width, time_zone=asked.time_zone, compare=compared
        )
    output.emit(
        document=lambda: json_output.with_states(response, "points", response.granularity),
        sheet=lambda: sheet(response),
        terminal=lambda console: render(console, response),
    )


def sheet(response: metrics_service_pb2.GetCostsResponse) -> Sheet:
    """Returns the rows of each breakdown, with what they leave of the total, and the points of the series."""
    return Sheet(header=("start", "end", "state", "dimension", "row", "value", *_FIGURES), rows=_rows(response))


def render(console: Console, response: metrics_service_pb2.GetCostsResponse) -> None:
    """Prints the total, each breakdown that has rows, the series, and estimates."""
    context = response.context
    notes = layout.comparison(response.compared, formatting.zone(context.time_zone))
    console.print(layout.heading(f"Costs ({formatting.plain(context.currency)})", context, notes))
    has_earlier = response.HasField("earlier")
    periods = [response.total, response.earlier] if has_earlier else [response.total]
    tables.show(
        console,
        _columns("Figure", "Value", *(["Earlier"] if has_earlier else [])),
        [[label, *(formatting.field(one, name, form) for one in periods)] for name, label, form in _TOTAL],
    )
    for breakdown in response.breakdowns:
        if breakdown.rows:
            console.print()
            _breakdown(console, breakdown)
    if response.points:
        figure_tables.show_series(console, context, response.granularity, response.points, _SERIES)
    _estimates(console, response)


def _columns(first: str, *others: str) -> list[tables.Column]:
    return [tables.Column(heading=first, is_text=True), *(tables.Column(heading=one) for one in others)]


def _breakdown(console: Console, breakdown: metrics_service_pb2.CostBreakdown) -> None:
    apart = [("rest", breakdown.rest)]
    if breakdown.HasField("other"):
        apart.insert(0, ("_other", breakdown.other))
    tables.show(
        console,
        _columns(breakdown.dimension.capitalize(), "Cost", "Read", "From cache", "Written", "Tokens"),
        [[row.display_name or row.value, *_cells(row.figures)] for row in breakdown.rows],
        apart=breakdowns.counted([label, *_cells(figures)] for label, figures in apart),
    )


def _cells(figures: metrics_service_pb2.CostFigures) -> list[str]:
    counts = (figures.prompt_tokens, figures.cached_tokens, figures.completion_tokens, figures.token_usage)
    return [formatting.money(figures.cost_micros), *map(formatting.short, counts)]


def _estimates(console: Console, response: metrics_service_pb2.GetCostsResponse) -> None:
    """Prints what is estimated, and of how many tokens nothing is known."""
    estimate = response.token_estimate
    rows = [
        [_RESOURCES.get(one.resource, str(one.resource)), formatting.money(one.cost_micros)]
        for one in response.estimated_costs
    ]
    if estimate.priced_tokens:
        label = f"{formatting.short(estimate.priced_tokens)} tokens without a recorded cost"
        rows.append([label, formatting.money(estimate.estimated_cost_micros)])
    if rows:
        console.print()
        tables.show(console, _columns("Estimated, not in the recorded cost", "Cost"), rows)
    if estimate.unpriced_tokens:
        tokens = formatting.count(estimate.unpriced_tokens)
        console.print(f"\n{tokens} tokens have neither a recorded cost nor a price.", highlight=False)
        console.print("The operator sets prices of models by `python -m server prices set`.", highlight=False)


def _rows(response: metrics_service_pb2.GetCostsResponse) -> Iterator[Sequence[Cell]]:
    zone = response.context.time_zone
    bounds = breakdowns.bounds(response.context, zone)
    yield *bounds, None, "total", None, *(getattr(response.total, name) for name in _FIGURES)
    for breakdown in response.breakdowns:
        for row in breakdown.rows:
            yield *bounds, breakdown.dimension, "value", row.value, *_numbers(row.figures)
        if breakdown.HasField("other"):
            yield *bounds, breakdown.dimension, "other", None, *_numbers(breakdown.other)
        yield *bounds, breakdown.dimension, "rest", None, *_numbers(breakdown.rest)
    states = points.states([one.bucket for one in response.points], response.granularity, response.context)
    for point, state in zip(response.points, states, strict=True):
        yield *breakdowns.bounds(point.bucket, zone, state), None, "point", None, *_numbers(point.figures)
    estimate = response.token_estimate
    for one in estimate.models:
        tokens = (one.prompt_tokens, one.cached_tokens, one.completion_tokens)
        total = one.prompt_tokens + one.completion_tokens
        yield *bounds, "model", "estimate", one.model, one.estimated_cost_micros, *tokens, total


def _numbers(figures: metrics_service_pb2.CostFigures) -> list[Cell]:
    return [getattr(figures, name) for name in _FIGURES]
