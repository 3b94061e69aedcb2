"""The commands that show tables of any metrics: `query`, and `top` for rankings."""

from collections.abc import Sequence
from typing import Annotated, Final

import typer

from tallywire import requests, table_requests
from tallywire.cli import json_output, options, problems, query_tables, sheets, table_options
from tallywire.v1 import metrics_service_pb2

_MOST_ROWS: Final = 1_000  # of a page
_EVENTS: Final = "events"

Limit = Annotated[int, typer.Option("--limit", min=1, max=_MOST_ROWS, help="Rows to show.")]
All = Annotated[bool, typer.Option("--all", help="Show all rows, however many.")]
Series = Annotated[
    str | None,
    typer.Option("--series", metavar="WIDTH", help="Figures over time, too: auto, or as --granularity of `usage`."),
]


@problems.reported
@options.grouped
def query(
    *,
    metric: table_options.Metrics = None,
    by: table_options.By = None,
    order: table_options.OrderBy = None,
    ascending: table_options.Ascending = False,
    limit: Limit = 20,
    everything: All = False,
    series: Series = None,
    of: options.PeriodOptions,
    only: options.FilterOptions,
    compare: options.Compare = None,
    to: options.ServerOptions,
    output: options.OutputOptions,
    totals: table_options.Totals = False,
) -> None:
    """Show any metrics as a table, by one dimension or two.

    Rows are in the order of --order, or else of the first metric. Below the rows stand the total, the rest (what the
    total has beside the rows) and _other (values beyond the organization's limit). Without --by, the metrics of
    everything that the filters leave.
    """
    metrics = table_options.names(metric)
    if not metrics:
        raise problems.WrongUsage("--metric is missing: `tallywire metrics WORDS` searches all metrics")
    if order and order not in metrics:
        raise problems.WrongUsage(f"--order is one of the metrics asked for ({', '.join(metrics)}), not {order!r}")
    table: table_requests.TableShape = {
        "group_by": table_options.names(by),
        "order_by": order,
        "ascending": ascending,
        "series": "auto" if series == "auto" else options.granularity(series, "--series"),
        "compare": options.compare(compare),
    }
    answer = _asked(to, of, only.arguments(), metrics, table, None if everything else limit)
    _emit(output, answer, query_tables.Style(order=order or metrics[0], currency=only.currency), totals=totals)


@problems.reported
@options.grouped
def top(
    *,
    dimension: table_options.Dimension,
    metric: table_options.Metrics = None,
    limit: Limit = 10,
    ascending: table_options.Ascending = False,
    of: options.PeriodOptions,
    only: options.FilterOptions,
    compare: options.Compare = None,
    to: options.ServerOptions,
    output: options.OutputOptions,
    totals: table_options.Totals = False,
) -> None:
    """Rank the values of a dimension by a metric.

    As in `top agent --metric cost_micros`. Without --metric, by events. Further metrics stand beside the first one.
    """
    metrics = table_options.names(metric) or [_EVENTS]
    table: table_requests.TableShape = {
        "group_by": table_options.names([dimension]),
        "ascending": ascending,
        "compare": options.compare(compare),
    }
    answer = _asked(to, of, only.arguments(), metrics, table, limit)
    style = query_tables.Style(order=metrics[0], shares=True, currency=only.currency)
    _emit(output, answer, style, totals=totals)


def _asked(
    to: options.ServerOptions,
    of: options.PeriodOptions,
    narrowed: requests.Only,
    metrics: Sequence[str],
    table: table_requests.TableShape,
    limit: int | None,
) -> metrics_service_pb2.QueryMetricsResponse:
    """Returns the first rows of a table, or all of them without a limit."""
    question = of.question()
    with to.connect() as server:
        asked = options.asked(question, server)
        table["time_zone"] = asked.time_zone
        if limit is None:
            return server.query_all(asked.start, asked.end, metrics, **table, **narrowed)
        return server.query_metrics(asked.start, asked.end, metrics, page_size=limit, **table, **narrowed)


def _emit(
    output: options.OutputOptions,
    answer: metrics_service_pb2.QueryMetricsResponse,
    style: query_tables.Style,
    *,
    totals: bool,
) -> None:
    output.emit(
        document=lambda: json_output.with_states(answer, "buckets", answer.granularity),
        sheet=lambda: sheets.query(answer, totals=totals),
        terminal=lambda console: query_tables.show(console, answer, style),
    )
